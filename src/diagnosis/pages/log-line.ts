// Finds what the documentation says of a line that Framegate itself has written: the rows of the tables of messages in
// docs/operating.md, and of reasons in docs/access-log.md.

import { type QuotingText, readPage, sectionOf } from './page.ts';

/** A row of a table whose first column quotes what Framegate writes. */
interface Row {
  readonly quoted: string;
  readonly text: string;
  /** What a text with this line contains. */
  readonly pattern: RegExp | undefined;
}

const MOST_LETTERS = 64 * 1024;
const MOST_ROWS = 5;
/** A message with fewer words of its own has to begin where messages begin: `stopped` is also a word of the language. */
const ENOUGH_WORDS = 3;
/** Where messages begin: a text, the message or reason of a record, and what follows the level or a call in text. */
const BEGIN = String.raw`(?:^\s*|"(?:msg|reason)":"|\b(?:DEBUG|INFO|WARN|ERROR|FATAL) +)`;
/** Where they end: with the text, with the field of a record, or before the fields of a line of text. */
const END = String.raw`(?:"|\s*$|\s+\w+=)`;
/** What stands for `…`. */
const ANYTHING = '[^]{1,400}?';

/**
 * @returns what the documentation says of the lines of the log in the text
 * @throws if the documentation is not installed beside the program
 */
export function explainLogLine(text: string): readonly QuotingText[] {
  const plain = text.slice(0, MOST_LETTERS).replaceAll(String.raw`\"`, '"').replaceAll(/\s+/g, ' ');
  const operating = readPage('messages');
  const reasons = sectionOf(readPage('reasons'), 'Reasons');
  const rows = [
    ...Array.from(operating.matchAll(/^\| (\w+) \| `([^`]+)` \| (.*) \|$/gm), ([, level, quoted, means]) =>
      rowOf(quoted, `A line of the log, of level ${level}. ${means}`),
    ),
    ...Array.from(reasons.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm), ([, quoted, means]) =>
      rowOf(quoted, `The reason in the record of a call. ${means}`),
    ),
  ];
  const fitting = rows.filter(({ pattern }) => pattern?.test(plain));
  return fitting
    .filter(
      (row) =>
        !fitting.some((other) => other !== row && other.quoted.includes(row.quoted.replace(/^… ?/, ''))),
    )
    .slice(0, MOST_ROWS)
    .map(({ quoted, text: means }) => ({ title: quoted, text: `# ${quoted}\n\n${means}\n` }));
}

function rowOf(quoted: string, text: string): Row {
  return { quoted, text, pattern: patternOf(quoted) };
}

/** @returns undefined for a row whose own words are too few to know its lines by */
function patternOf(quoted: string): RegExp | undefined {
  // The words of `… (a diagnosis)` describe the line, and are not in it.
  if (/^… \(.*\)$/.test(quoted)) return undefined;
  const parts = quoted.replaceAll(/^… ?| ?…$/g, '').split('…');
  const body = parts.map((part) => escaped(part)).join(ANYTHING);
  const words = parts.join(' ').match(/\p{L}+/gu) ?? [];
  if (words.length >= ENOUGH_WORDS) return new RegExp(body, 'i');
  if (quoted.startsWith('…')) return undefined;
  return new RegExp(`${BEGIN}${body}${quoted.endsWith('…') ? '' : END}`, 'i');
}

function escaped(literal: string): string {
  return literal.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
