// What differs between two configurations as they were resolved, for people: each part with its values before and after. A secret never shows,
// only that it has changed. The list and its texts are bounded.

import { createHash } from 'node:crypto';
import type { ConfigurationChange } from '../admin/dashboard-figures.ts';
import type { Config } from '../config/config.ts';
import { shownConfig } from './shown-config.ts';
import { writtenLimits } from './written-limits.ts';

const MOST_ENTRIES = 200;
const MOST_CHARACTERS = 200;

export interface Differences {
  readonly entries: readonly ConfigurationChange[];
  readonly leftOut: number;
}

/** Stands in the place of a secret, so that two can be compared. */
class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  equals(other: unknown): boolean {
    return other instanceof Secret && other.#value === this.#value;
  }

  toJSON(): string {
    return '[redacted]';
  }
}

function hide(secret: string): Secret {
  return new Secret(secret);
}

export function configDifferences(before: Config, after: Config): Differences {
  const found = new Found();
  compare(written(before), written(after), '', found);
  return found;
}

function written(config: Config): unknown {
  return shownConfig(config, hide, writtenLimits);
}

/** @returns 16 hexadecimal digits, equal for configurations that are shown as equal. No secret is a part of it */
export function configHash(config: Config): string {
  return createHash('sha256')
    .update(JSON.stringify(shownConfig(config), withoutMaps))
    .digest('hex')
    .slice(0, 16);
}

/** The differences that were found so far. */
class Found implements Differences {
  readonly entries: ConfigurationChange[] = [];
  leftOut = 0;

  add(path: string, before: unknown, after: unknown): void {
    if (this.entries.length >= MOST_ENTRIES) {
      this.leftOut++;
      return;
    }
    this.entries.push({
      path,
      ...(before === undefined ? {} : { before: textOf(before) }),
      ...(after === undefined ? {} : { after: textOf(after) }),
    });
  }
}

function compare(before: unknown, after: unknown, path: string, found: Found): void {
  if (Object.is(before, after)) return;
  const [old, now] = [partsOf(before), partsOf(after)];
  if (old === undefined || now === undefined) {
    if (!areEqual(before, after)) found.add(path, before, after);
    return;
  }
  for (const [name, value] of old) compare(value, now.get(name), pathOf(path, name), found);
  for (const [name, value] of now) if (!old.has(name)) compare(undefined, value, pathOf(path, name), found);
}

/** What a value is made of, by name. Undefined if it is compared as a whole. */
function partsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (
    typeof value !== 'object' ||
    value === null ||
    value instanceof Secret ||
    addressText(value) !== undefined
  )
    return undefined;
  if (value instanceof Map) return new Map(Array.from(value, ([name, part]) => [String(name), part]));
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const named = new Map<string, unknown>();
  for (const part of value) {
    const name = nameOf(part);
    // A list of numbers or texts, or one whose parts have no names.
    if (name === undefined || named.has(name)) return undefined;
    named.set(name, part);
  }
  return named;
}

/** By what an entry of a list is known: its name, or the address of an endpoint. */
function nameOf(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null) return undefined;
  if ('name' in part && typeof part.name === 'string') return part.name;
  return 'address' in part ? addressText(part.address) : undefined;
}

/** An address is known by the text that the user wrote. */
function addressText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return 'kind' in value && 'text' in value && typeof value.text === 'string' ? value.text : undefined;
}

function areEqual(one: unknown, other: unknown): boolean {
  if (one instanceof Secret) return one.equals(other);
  return one !== undefined && other !== undefined && wholeText(one) === wholeText(other);
}

function pathOf(path: string, name: string): string {
  const isPlain = /^[\w-]+$/.test(name);
  if (!isPlain) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

function textOf(value: unknown): string {
  const text = wholeText(value);
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS - 1).toWellFormed()}…`;
}

function wholeText(value: unknown): string {
  return JSON.stringify(addressText(value) ?? value, withoutMaps);
}

function withoutMaps(_name: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
