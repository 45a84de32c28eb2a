// What differs between two configurations, for people: each part with its values before and after, in the words of the file. A secret never
// shows, only that it has changed. The list and its texts are bounded.

import { createHash } from 'node:crypto';
import type { ConfigurationChange } from '../admin/dashboard-figures.ts';
import type { Config } from '../config/config.ts';
import { shownConfig } from './shown-config.ts';
import { writtenConfig } from './written-config.ts';
import { saysNothing, shownText, type Written, WrittenText } from './written-value.ts';

const MOST_ENTRIES = 200;
/** Of all texts together. */
const MOST_CHARACTERS = 100_000;

export interface Differences {
  readonly entries: readonly ConfigurationChange[];
  readonly leftOut: number;
}

export function configDifferences(before: Config, after: Config): Differences {
  const found = new Found();
  compare(writtenConfig(before), writtenConfig(after), '', found);
  return found;
}

/** @returns 16 hexadecimal digits, equal for configurations that are shown as equal. No secret is a part of it */
export function configHash(config: Config): string {
  return createHash('sha256')
    .update(JSON.stringify(shownConfig(config)))
    .digest('hex')
    .slice(0, 16);
}

/** The differences that were found so far. */
class Found implements Differences {
  readonly entries: ConfigurationChange[] = [];
  leftOut = 0;
  #characters = 0;

  add(path: string, before: Written | undefined, after: Written | undefined): void {
    if (this.entries.length >= MOST_ENTRIES || this.#characters > MOST_CHARACTERS) {
      this.leftOut++;
      return;
    }
    const entry = {
      path,
      ...(before === undefined ? {} : { before: shownText(before) }),
      ...(after === undefined ? {} : { after: shownText(after) }),
    };
    this.#characters += path.length + (entry.before?.length ?? 0) + (entry.after?.length ?? 0);
    this.entries.push(entry);
  }
}

function compare(before: Written | undefined, after: Written | undefined, path: string, found: Found): void {
  if (before instanceof Map && after instanceof Map) {
    for (const [name, part] of before) compare(part, after.get(name), pathOf(path, name), found);
    for (const [name, part] of after)
      if (!before.has(name)) compare(undefined, part, pathOf(path, name), found);
  } else if (before instanceof WrittenText && after instanceof WrittenText) {
    if (!before.equals(after)) found.add(path, before, after);
  } else if ([before, after].some((part) => part !== undefined && !saysNothing(part)))
    found.add(path, before, after);
}

function pathOf(path: string, name: string): string {
  const isPlain = /^[\w-]+$/.test(name);
  if (!isPlain) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}
