// The locations of a server, including nested ones, and which of them nginx would ever use: if a regular expression takes all calls of a
// prefix, the location of the prefix gets none.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { type LocationPattern, patternOf } from './location-pattern.ts';
import { Scope } from './scope.ts';

export interface Location {
  readonly directive: Directive;
  readonly scope: Scope;
  readonly pattern: LocationPattern;
}

export function locationsOf(scope: Scope): readonly Location[] {
  return scope.own('location').flatMap((directive) => {
    const inner = new Scope(directive.block ?? [], scope, directive);
    return [{ directive, scope: inner, pattern: patternOf(directive) }, ...locationsOf(inner)];
  });
}

/** @returns those that can get calls and whose paths can be said. The others are judged. */
export function reachableLocations(locations: readonly Location[], ledger: Ledger): readonly Location[] {
  const expressions = locations.filter(
    ({ pattern }) => pattern.kind === 'regex' && pattern.paths !== undefined,
  );
  return locations.filter((location) => {
    const { pattern, directive } = location;
    if (pattern.kind === 'named') return false;
    if (pattern.paths === undefined) {
      ledger.refuse(directive, whyUnsayable(pattern));
      return false;
    }
    const taker = takerOf(location, locations, expressions);
    if (taker === undefined) {
      if (pattern.note === undefined) ledger.carry(directive);
      else ledger.change(directive, pattern.note);
      return true;
    }
    const { file, line } = taker.directive;
    ledger.change(
      directive,
      `left out: nginx never gets here, as the location of ${file}:${line} takes all of its calls`,
    );
    ledger.settleBlock(directive);
    return false;
  });
}

function whyUnsayable({ kind }: LocationPattern): string {
  return kind === 'regex'
    ? 'this expression cannot be said as paths, which are exact or a prefix that ends in *: its calls take other routes, or none'
    : 'this path holds characters that the path of a request never has';
}

/** @returns the location that takes all calls of this one, if there is one */
function takerOf(
  location: Location,
  all: readonly Location[],
  expressions: readonly Location[],
): Location | undefined {
  const { kind, text } = location.pattern;
  if (kind === 'exact' || kind === 'sure-prefix') return undefined;
  if (kind === 'prefix') {
    return expressions.find(({ pattern }) => pattern.paths?.some((path) => covers(path, `${text}*`)));
  }
  const earlier = expressions.slice(0, expressions.indexOf(location));
  const paths = location.pattern.paths ?? [];
  const before = earlier.find(({ pattern }) =>
    paths.every((path) => pattern.paths?.some((one) => covers(one, path))),
  );
  if (before !== undefined) return before;
  const nearest = all
    .filter(
      ({ pattern }) =>
        pattern.kind.endsWith('prefix') && paths.every((path) => path.startsWith(pattern.text)),
    )
    .toSorted((one, other) => other.pattern.text.length - one.pattern.text.length)[0];
  return nearest?.pattern.kind === 'sure-prefix' ? nearest : undefined;
}

/** Whether a path pattern of Framegate matches all that another one matches. */
export function covers(wide: string, narrow: string): boolean {
  if (!wide.endsWith('*')) return wide === narrow;
  return narrow.replace(/\*$/, '').startsWith(wide.slice(0, -1));
}
