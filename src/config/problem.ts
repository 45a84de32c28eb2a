// What is wrong with a configuration, where, and how to mend it; and its one line of text.
// The text is printed to terminals, so nothing of the user's file may reach it as a control character.

import { type ConfigPath, formatPath } from './config-path.ts';

/** An error keeps the configuration from being used; a warning says what is probably not meant. */
export type Severity = 'error' | 'warning';

/** Why a value was not accepted. Parsers return it instead of throwing, so that all problems can be told at once. */
export interface Fault {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A fault at a place in the configuration, before that place is looked up in the file. */
export interface Finding extends Fault {
  readonly severity: Severity;
  readonly path: ConfigPath;
  /** Whether the key or the value at `path` is to be pointed at. */
  readonly at: 'key' | 'value';
}

/** Lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface ConfigProblem extends Fault, Position {
  readonly severity: Severity;
  readonly file: string;
  /** As `formatPath` writes it; '' when the problem is the file's as a whole. */
  readonly path: string;
}

/** Finds the place of a path in the text; of its nearest parent when the path itself is not in the file. */
export interface PositionLookup {
  locate(path: ConfigPath, at: 'key' | 'value'): Position;
}

export function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'message' in value;
}

export function locateFinding(finding: Finding, file: string, positions: PositionLookup): ConfigProblem {
  const { severity, path, at, message, hint } = finding;
  const { line, column } = positions.locate(path, at);
  return { severity, file, line, column, path: formatPath(path), message, hint };
}

/** In the order of the file. */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/** `FILE:LINE:COLUMN path – message (hint)` on one line. */
export function formatProblem(problem: ConfigProblem): string {
  const { file, line, column, path, severity, message, hint } = problem;
  const place = `${file}:${line}:${column} ${path}${path === '' ? '' : ' '}–`;
  const text = `${severity === 'warning' ? 'warning: ' : ''}${message}${hint === undefined ? '' : ` (${hint})`}`;
  return withoutControlCharacters(`${place} ${text}`);
}

function withoutControlCharacters(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
