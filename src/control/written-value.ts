// The form of a configuration in which two are compared, and shown to those who wrote them: keys and values as in the file, by name. Secrets are
// compared, and never shown.

import { counted } from '../config/counted.ts';
import { isCredential } from '../config/secret-name.ts';
import { sizeText } from '../config/units.ts';
import { harmlessText } from '../observability/json-text.ts';
import { REDACTED } from './shown-secret.ts';

/** A part of a configuration: a value, or more parts by name. */
export type Written = WrittenText | WrittenParts;
export type WrittenParts = ReadonlyMap<string, Written>;

export class WrittenText {
  /** In one line. */
  readonly text: string;
  /** Whether it says nothing: what is off, or empty. */
  readonly isNothing: boolean;
  readonly #secret: string;

  /** @param secret what the text stands for, if it must not be shown */
  constructor(text: string, isNothing = false, secret = '') {
    this.text = text;
    this.isNothing = isNothing;
    this.#secret = secret;
  }

  equals(other: WrittenText): boolean {
    return other.text === this.text && other.#secret === this.#secret;
  }
}

export const OFF = new WrittenText('off', true);

/** So many lines are shown of a part that was added or removed as a whole. */
const MOST_LINES = 50;
/** So many characters are shown of a line. */
const MOST_CHARACTERS = 200;
const DURATIONS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** A value as it stands. What has several lines, or none, is quoted. What looks like a credential, as in a URL, is hidden. */
export function written(value: string | number | boolean): WrittenText {
  const text = String(value);
  if (typeof value === 'string' && isCredential(value)) return hiddenSecret(value);
  const isPlain = text !== '' && harmlessText(text) === text;
  return new WrittenText(isPlain ? text : harmlessText(JSON.stringify(text)));
}

export function hiddenSecret(value: string): WrittenText {
  return new WrittenText(REDACTED, false, value);
}

/** @param ms undefined if it is off */
export function writtenDuration(ms: number | undefined): WrittenText {
  if (ms === undefined) return OFF;
  const [unit, size] = DURATIONS.find(([, each]) => ms > 0 && ms % each === 0) ?? ['ms', 1];
  return new WrittenText(`${ms / size}${ms === 0 ? 's' : unit}`);
}

/** @param bytes undefined if it is off */
export function writtenSize(bytes: number | 'auto' | undefined): WrittenText {
  if (bytes === undefined) return OFF;
  return new WrittenText(bytes === 'auto' ? bytes : sizeText(bytes));
}

/** @param share from 0 to 1 */
export function writtenShare(share: number): WrittenText {
  return new WrittenText(`${Number((share * 100).toFixed(2))}%`);
}

/** What may be switched off. */
export function writtenOrOff(value: string | number | undefined): WrittenText {
  return value === undefined ? OFF : written(value);
}

export function writtenList(values: readonly (string | number)[]): WrittenText {
  const text = `[${values.map((value) => written(value).text).join(', ')}]`;
  return new WrittenText(text, values.length === 0, JSON.stringify(values));
}

/** What is undefined is left out. */
export function writtenParts(
  parts: Readonly<Record<string, Written | string | number | boolean | undefined>>,
): WrittenParts {
  const made = new Map<string, Written>();
  for (const [name, part] of Object.entries(parts))
    if (part !== undefined) made.set(name, typeof part === 'object' ? part : written(part));
  return made;
}

/** The entries of a list by their place in it, from 0. */
export function writtenEntries<Entry>(
  entries: readonly Entry[],
  write: (entry: Entry) => Written,
): WrittenParts {
  return new Map(entries.map((entry, index) => [String(index), write(entry)]));
}

/** Values by name. */
export function writtenFields<Value>(
  fields: ReadonlyMap<string, Value>,
  write: (value: Value, name: string) => Written,
): WrittenParts {
  return new Map(Array.from(fields, ([name, value]) => [name, write(value, name)]));
}

/** The entries of a list by their names. If two have the same, the later one is told apart by its place in the list. */
export function writtenByName<Entry>(
  entries: readonly Entry[],
  nameOf: (entry: Entry) => string,
  write: (entry: Entry) => Written,
): WrittenParts {
  const made = new Map<string, Written>();
  entries.forEach((entry, index) => {
    const name = nameOf(entry);
    made.set(made.has(name) ? `${name} (${index})` : name, write(entry));
  });
  return made;
}

/** Whether there is nothing to show of it: it is off, or empty. */
export function saysNothing(part: Written): boolean {
  return part instanceof WrittenText ? part.isNothing : [...part.values()].every(saysNothing);
}

/** The value in a line, or the keys of a part, one in each line, as in the file. What says nothing is left out. Bounded. */
export function shownText(part: Written): string {
  if (part instanceof WrittenText) return cut(part.text, MOST_CHARACTERS);
  const lines: string[] = [];
  addLines(part, '', lines);
  const more = lines.length - MOST_LINES;
  const shown = lines.slice(0, MOST_LINES).map((line) => cut(line, MOST_CHARACTERS));
  return (more <= 0 ? shown : [...shown, `… and ${counted(more, 'more line')}`]).join('\n');
}

function cut(text: string, mostCharacters: number): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1).toWellFormed()}…`;
}

function addLines(parts: WrittenParts, indent: string, lines: string[]): void {
  for (const [name, part] of parts) {
    if (saysNothing(part)) continue;
    if (part instanceof WrittenText) {
      lines.push(`${indent}${written(name).text}: ${part.text}`);
      continue;
    }
    lines.push(`${indent}${written(name).text}:`);
    addLines(part, `${indent}  `, lines);
  }
}
