// Describes what is wrong with a configuration, where it is and how to fix it, and formats that as one line of text.
// The text is printed to terminals, so no control character from the user's file may reach it.

import { type ConfigPath, formatPath } from './config-path.ts';

/** An error prevents the configuration from being used; a warning points out something that is probably not intended. */
export type Severity = 'error' | 'warning';

/** Why a value is rejected. Parsers return a fault instead of throwing it, so that all problems can be reported together. */
export interface Fault {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A fault at a place in the configuration, before that place is looked up in the file. */
export interface Finding extends Fault {
  readonly severity: Severity;
  readonly path: ConfigPath;
  /** Whether the message points at the key or at the value. */
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
  /** The path as `formatPath` writes it, or '' if the problem concerns the file as a whole. */
  readonly path: string;
}

/** Finds the position of a path in the text, or of its nearest parent if the path is not in the file. */
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

/** @returns the problems in file order */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/** @returns one line: `FILE:LINE:COLUMN path – message (hint)` */
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
