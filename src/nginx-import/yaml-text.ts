// Writes YAML with a comment after each line that says where the line comes from. Texts are quoted wherever YAML could read them as
// something else.

import { visibleText } from '../config/visible-text.ts';
import { type Place, placeText } from './directive.ts';

export type YamlValue = string | number | boolean | YamlWords | YamlMap | YamlList;

export interface YamlEntry {
  readonly key: string;
  readonly value: YamlValue;
  /** Where it was written in the other file. */
  readonly from?: Place | undefined;
  /** Lines of remarks above it. */
  readonly above?: readonly string[];
}

export interface YamlItem {
  readonly value: string | YamlMap;
  readonly from?: Place | undefined;
  readonly above?: readonly string[];
}

export class YamlMap {
  readonly entries: readonly YamlEntry[];

  constructor(entries: readonly (YamlEntry | undefined)[]) {
    this.entries = entries.filter((entry) => entry !== undefined);
  }
}

/** A short list, which stands on one line. */
export class YamlWords {
  readonly words: readonly string[];

  constructor(words: readonly string[]) {
    this.words = words;
  }
}

export class YamlList {
  readonly items: readonly YamlItem[];

  constructor(items: readonly YamlItem[]) {
    this.items = items;
  }
}

/** What YAML 1.2 reads as something other than text. */
const NO_TEXT =
  /^(?:true|false|null|~|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?|0[xo][0-9a-f]+|[-+]?\.inf|\.nan)$/i;
const PLAIN = /^[A-Za-z0-9_./][A-Za-z0-9_./*:@+-]*$/;

/** A blank line stands between its entries. */
export function renderYaml(map: YamlMap): string {
  const sections = map.entries.map((entry) => linesOfMap(new YamlMap([entry]), '').join('\n'));
  return `${sections.join('\n\n')}\n`;
}

/** A remark is one line whatever names of files hold. */
export function remark(text: string): string {
  return `# ${visibleText(text)}`;
}

function linesOfMap(map: YamlMap, indent: string): readonly string[] {
  return map.entries.flatMap((entry) => [
    ...(entry.above ?? []).map((line) => `${indent}${remark(line)}`),
    ...linesOfEntry(entry, indent),
  ]);
}

function linesOfEntry({ key, value, from }: YamlEntry, indent: string): readonly string[] {
  const head = `${indent}${scalar(key)}:`;
  const origin = from === undefined ? '' : ` ${remark(placeText(from))}`;
  if (value instanceof YamlMap) {
    return value.entries.length === 0
      ? [`${head} {}${origin}`]
      : [`${head}${origin}`, ...linesOfMap(value, `${indent}  `)];
  }
  if (value instanceof YamlList) return [`${head}${origin}`, ...linesOfList(value, `${indent}  `)];
  const text = value instanceof YamlWords ? `[${value.words.map(inBrackets).join(', ')}]` : scalar(value);
  return [`${head} ${text}${origin}`];
}

function linesOfList(list: YamlList, indent: string): readonly string[] {
  return list.items.flatMap(({ value, from, above = [] }) => {
    const remarks = above.map((line) => `${indent}${remark(line)}`);
    const origin = from === undefined ? '' : ` ${remark(placeText(from))}`;
    if (!(value instanceof YamlMap)) return [...remarks, `${indent}- ${scalar(value)}${origin}`];
    const [first = '', ...rest] = linesOfMap(value, `${indent}  `);
    return [...remarks, `${indent}- ${first.trimStart()}`, ...rest];
  });
}

function scalar(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  // A colon at the end would make a key of it, and one before a space is not in PLAIN.
  const isPlain = PLAIN.test(value) && !NO_TEXT.test(value) && !value.endsWith(':');
  return isPlain ? value : JSON.stringify(value);
}

function inBrackets(value: string): string {
  return /[:,]/.test(value) ? JSON.stringify(value) : scalar(value);
}
