// Translates a location of nginx into a path of Framegate: exact, or a prefix with a star at its end. A regular expression can be translated
// if it is a fixed prefix, or a choice of several.

import { parsePathPattern } from '../config/match-criteria.ts';
import { isFault } from '../config/problem.ts';
import type { Directive } from './directive.ts';

export type LocationKind = 'exact' | 'prefix' | 'sure-prefix' | 'regex' | 'named';

export interface LocationPattern {
  readonly kind: LocationKind;
  /** As written: a path, a regular expression, or a name. */
  readonly text: string;
  /** The paths of Framegate that match the same; undefined where none do. */
  readonly paths: readonly string[] | undefined;
  /** What is different about these paths. */
  readonly note?: string;
}

/** Alternatives in a regular expression multiply. */
const MOST_PATHS = 64;

export function patternOf({ words }: Directive): LocationPattern {
  const [first = '', second] = splitModifier(words);
  if (second === undefined) {
    if (first.startsWith('@')) return { kind: 'named', text: first, paths: undefined };
    return literal('prefix', first);
  }
  switch (first) {
    case '=':
      return literal('exact', second);
    case '^~':
      return literal('sure-prefix', second);
    case '~':
      return regularExpression(second, false);
    default:
      return regularExpression(second, true);
  }
}

/** nginx takes `=/path` and `~regex` without white space too. */
function splitModifier(words: readonly string[]): readonly [string?, string?] {
  const [first = '', second] = words;
  if (second !== undefined) return [first, second];
  const joined = /^(=|\^~|~\*|~)(.+)$/s.exec(first);
  return joined === null ? [first] : [joined[1], joined[2]];
}

function literal(kind: 'exact' | 'prefix' | 'sure-prefix', text: string): LocationPattern {
  const path = kind === 'exact' ? text : `${text}*`;
  const isSayable = !text.includes('*') && !isFault(parsePathPattern(path));
  return { kind, text, paths: isSayable ? [path] : undefined };
}

function regularExpression(text: string, ignoresCase: boolean): LocationPattern {
  const parsed = pathsOf(text);
  // Letters in either case would take as many paths as there are spellings.
  const isSayable = parsed !== undefined && !(ignoresCase && /[a-z]/i.test(parsed.paths.join('')));
  if (!isSayable) return { kind: 'regex', text, paths: undefined };
  return { kind: 'regex', text, ...parsed };
}

/** @returns the paths of all calls that a regular expression may match, if its beginning says them */
export function pathsBeginning(expression: string): readonly string[] | undefined {
  const exact = pathsOf(expression)?.paths;
  if (exact !== undefined) return exact;
  // The last character may be optional.
  const [beginning = ''] = /^\^\/[\w/~-]*(?![\w/~?*{-])/.exec(expression) ?? [];
  return beginning === '' || expression.includes('|')
    ? undefined
    : literal('prefix', beginning.slice(1)).paths;
}

interface Paths {
  readonly paths: readonly string[];
  readonly note?: string;
}

/** @returns undefined if the expression is more than beginnings, exact paths and choices between them */
function pathsOf(expression: string): Paths | undefined {
  if (!expression.startsWith('^/') || expression.length > 1000) return undefined;
  let heads = [''];
  let rest = expression.slice(1);
  let hasPlainDot = false;
  while (rest !== '') {
    const end = endOf(rest);
    if (end !== undefined) return finished(heads, end, hasPlainDot);
    const choice = /^\((?:\?:)?([^()[\]{}*+?^$]+)\)(?![*+?{])/.exec(rest);
    const one = /^(?:\\([^A-Za-z0-9])|([^\\()[\]{}*+?|^$]))(?![*+?{])/.exec(rest);
    if (choice !== null) {
      const words = choice[1].split('|').map(unescapeLiteral);
      if (words.some((word) => word === undefined)) return undefined;
      hasPlainDot ||= /(?<!\\)\./.test(choice[1]);
      heads = heads.flatMap((head) => words.map((word) => `${head}${word ?? ''}`));
      if (heads.length > MOST_PATHS) return undefined;
      rest = rest.slice(choice[0].length);
    } else if (one !== null) {
      hasPlainDot ||= one[2] === '.';
      heads = heads.map((head) => `${head}${one[1] ?? one[2]}`);
      rest = rest.slice(one[0].length);
    } else return undefined;
  }
  return finished(heads, 'prefix', hasPlainDot);
}

type End = 'exact' | 'prefix' | 'either' | 'segment';

const ENDS: Readonly<Record<string, End>> = {
  $: 'exact',
  '.*': 'prefix',
  '.*$': 'prefix',
  '(.*)': 'prefix',
  '(.*)$': 'prefix',
  '.+': 'prefix',
  '.+$': 'prefix',
  '(.+)': 'prefix',
  '(.+)$': 'prefix',
  '/?$': 'either',
  '(/|$)': 'segment',
  '(?:/|$)': 'segment',
  '(/.*)?$': 'segment',
  '(?:/.*)?$': 'segment',
};

function endOf(rest: string): End | undefined {
  return Object.hasOwn(ENDS, rest) ? ENDS[rest] : undefined;
}

function finished(heads: readonly string[], end: End, hasPlainDot: boolean): Paths | undefined {
  const paths = heads.flatMap((head) => {
    if (end === 'exact') return [head];
    if (end === 'prefix') return [`${head}*`];
    return end === 'either' ? [head, `${head}/`] : [head, `${head}/*`];
  });
  if (paths.some((path) => path.slice(0, -1).includes('*') || isFault(parsePathPattern(path))))
    return undefined;
  const unique = [...new Set(paths)];
  return hasPlainDot
    ? {
        paths: unique,
        note: 'a dot in the expression now matches only a dot; in nginx it matches every character',
      }
    : { paths: unique };
}

/** @returns undefined if the text is more than letters and escaped punctuation */
function unescapeLiteral(text: string): string | undefined {
  if (/\\[A-Za-z0-9]|\\$/.test(text)) return undefined;
  return text.replaceAll(/\\(.)/g, '$1');
}
