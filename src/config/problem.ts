// Describes what is wrong with a configuration, where it is and how to fix it, and formats that as one line of text.
// The text is printed to terminals, so no control character from the user's file may reach it.

import { type ConfigPath, formatPath } from './config-path.ts';
import { visibleText } from './visible-text.ts';

/** An error prevents the configuration from being used; a warning points out something that is probably not intended. */
export type Severity = 'error' | 'warning';

/** The most problems that are shown of one text. A text with more is usually something else, or hostile. */
export const MOST_PROBLEMS = 100;

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

/** Where a part of a configuration was written. A finding names it, so that a person knows where to change it. */
export interface Origin {
  /** In the form people search for: FILE:LINE:COLUMN, 'kind namespace/name' of an object, or a type URL with its version. */
  readonly text: string;
  /** The position in a text. The findings in a text are reported in its order. */
  readonly position?: Position | undefined;
}

/** Knows where each part of one configuration was written. */
export interface Origins {
  /** @returns the origin of the path, or of its nearest parent if the path itself was written nowhere */
  originOf(path: ConfigPath, at: 'key' | 'value'): Origin;
}

export interface ConfigProblem extends Fault {
  readonly severity: Severity;
  readonly origin: Origin;
  /** The path as `formatPath` writes it. '' for a problem of the whole configuration. */
  readonly path: string;
}

/** Finds the position of a path in the text, or of its nearest parent if the path is not in the file. */
export interface PositionLookup {
  locate(path: ConfigPath, at: 'key' | 'value'): Position;
}

export function fileOrigin(file: string, { line, column }: Position): Origin {
  return { text: `${file}:${line}:${column}`, position: { line, column } };
}

export function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'message' in value;
}

export function locateFinding(finding: Finding, origins: Origins): ConfigProblem {
  const { severity, path, at, message, hint } = finding;
  return { severity, origin: origins.originOf(path, at), path: formatPath(path), message, hint };
}

/** @returns the problems in file order */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted(({ origin: { position: one } }, { origin: { position: other } }) =>
    one === undefined || other === undefined ? 0 : one.line - other.line || one.column - other.column,
  );
}

/**
 * @param problems in file order
 * @returns the first of them, errors before warnings, and as the last one that there are more; all of them if they are few
 */
export function firstProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  if (problems.length <= MOST_PROBLEMS) return problems;
  const errors = problems.filter(({ severity }) => severity === 'error');
  const warnings = problems.filter(({ severity }) => severity === 'warning');
  const shown = sortProblems([...errors, ...warnings].slice(0, MOST_PROBLEMS));
  const severity = errors.length > MOST_PROBLEMS ? 'error' : 'warning';
  const { origin } = shown[shown.length - 1];
  const message = `there are more problems than the ${MOST_PROBLEMS} that are shown`;
  return [...shown, { severity, origin, path: '', message, hint: 'fix these first' }];
}

/** @returns one line: `ORIGIN path – message (hint)`, where a file's origin is FILE:LINE:COLUMN */
export function formatProblem(problem: ConfigProblem): string {
  const { origin, path, severity, message, hint } = problem;
  const place = `${origin.text} ${path}${path === '' ? '' : ' '}–`;
  const text = `${severity === 'warning' ? 'warning: ' : ''}${message}${hint === undefined ? '' : ` (${hint})`}`;
  return visibleText(`${place} ${text}`);
}
