// Turns what the schema rejects into messages: where it is, what is expected there, and what was probably meant.

import { type ConfigPath, formatPath } from './config-path.ts';
import { otherProgramValue } from './other-program-values.ts';
import { type Finding, MOST_PROBLEMS } from './problem.ts';
import { listOf, memberOf } from './raw-value.ts';
import type { RawIssue, SchemaIssue } from './schema.ts';
import { unknownKey } from './unknown-keys.ts';

const MISSING = 'is missing';
const EMPTY = 'is empty';
const SECTIONS = ['listeners', 'routes', 'upstreams'];

/** Words an issue for which the schema gives only its kind. */
export function describeIssue(issue: RawIssue): string {
  if (issue.input === undefined) return MISSING;
  if (issue.input === null) return EMPTY;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nameOfType(issue.expected)}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'number') return `must be at least ${issue.minimum}`;
      return issue.origin === 'array' ? 'must not be an empty list' : 'must not be empty';
    case 'too_big':
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters long' : ''}`;
    default:
      return 'is not valid';
  }
}

/**
 * Finds one problem more than are shown at most, so that what is shown can say that there are more.
 * @param value the whole document that the issues are about
 * @param place where in a configuration such a document would stand, so that its unknown keys are compared with the keys there
 */
export function findingsOf(
  issues: readonly SchemaIssue[],
  value: unknown,
  place: ConfigPath = [],
): readonly Finding[] {
  const meant = new Set<string>();
  const findings: Finding[] = [];
  for (const issue of issues) {
    if (findings.length > MOST_PROBLEMS) break;
    findings.push(...findingsOfIssue({ issue, words: [] }, [], { value, place, meant }));
  }
  const stray = new Set(
    findings.filter(({ at }) => at === 'key').map(({ path }) => formatPath(path.slice(0, -1))),
  );
  // A key that was written under another name is not reported as missing too.
  return findings.filter(({ path, message }) => {
    if (message === MISSING || message === EMPTY) return !meant.has(formatPath(path));
    return !/^needs (?:(?:at least )?one of|require or allow)/.test(message) || !stray.has(formatPath(path));
  });
}

interface Surroundings {
  readonly value: unknown;
  readonly place: ConfigPath;
  /** The paths of the keys that the user meant by unknown keys. */
  readonly meant: Set<string>;
}

interface WordedIssue {
  readonly issue: SchemaIssue;
  /** The words that the other alternatives of a union accept. */
  readonly words: readonly string[];
}

function findingsOfIssue(
  { issue, words }: WordedIssue,
  parent: ConfigPath,
  around: Surroundings,
): readonly Finding[] {
  const path = [...parent, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  const findingsOfInner = (inner: readonly SchemaIssue[], innerWords: readonly string[] = []) =>
    inner.flatMap((each) => findingsOfIssue({ issue: each, words: innerWords }, path, around));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.slice(0, MOST_PROBLEMS + 1).map((key) => {
        if (path.length === 0 && holdsSection(memberOf(around.value, key))) {
          for (const section of SECTIONS) around.meant.add(section);
          const hint = 'what is below it stands at the top of the file, without this key';
          return { severity: 'error', path: [key], at: 'key', message: 'unknown key', hint };
        }
        const { place } = around;
        const { finding, meant } = unknownKey(
          [...place, ...path],
          key,
          valueAt(around.value, [...path, key]),
        );
        if (meant !== undefined) around.meant.add(formatPath([...path, meant]));
        return { ...finding, path: finding.path.slice(place.length) };
      });
    case 'invalid_key':
      return findingsOfInner(issue.issues).map((found) => ({ ...found, at: 'key' }));
    case 'invalid_union': {
      const inner = branchOf(issue.errors);
      if (inner !== undefined) return findingsOfInner(inner, wordsOf(issue.errors.flat()));
      break;
    }
  }
  const given = valueAt(around.value, path);
  const { message } = issue;
  const allWords = [...words, ...wordsOf(issue.code === 'invalid_union' ? issue.errors.flat() : [issue])];
  const own = issue.code === 'custom' ? hintOf(issue.params) : hintFor(given);
  const hint = own ?? otherProgramValue(path, given, { message, words: allWords });
  return [{ severity: 'error', path, at: 'value', message, hint }];
}

/** Whether a whole configuration is written below a key. */
function holdsSection(value: unknown): boolean {
  return SECTIONS.some((section) => memberOf(value, section) !== undefined);
}

function wordsOf(issues: readonly SchemaIssue[]): readonly string[] {
  return issues.flatMap((issue) => (issue.code === 'invalid_value' ? issue.values.map(String) : []));
}

/** The alternative that the user meant: its kind of value matches, so its issues are about something inside that value. */
function branchOf(branches: readonly (readonly SchemaIssue[])[]): readonly SchemaIssue[] | undefined {
  return branches.find((issues) =>
    issues.some(
      (issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom',
    ),
  );
}

function valueAt(value: unknown, path: ConfigPath): unknown {
  let current = value;
  for (const step of path) {
    current = typeof step === 'number' ? listOf(current)[step] : memberOf(current, step);
  }
  return current;
}

function hintOf(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const hint = parameters?.['hint'];
  return typeof hint === 'string' ? hint : undefined;
}

function hintFor(given: unknown): string | undefined {
  return given === null ? 'fill it in, or remove the key' : undefined;
}

function nameOfType(expected: string): string {
  switch (expected) {
    case 'string':
      return 'text';
    case 'int':
    case 'number':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    default:
      return 'a map of keys and values';
  }
}
