// Text for the hand-written JSON of the access log: what a client chose becomes readable, bounded and harmless.
// Must never give a line that JSON.parse refuses or a terminal obeys.

import { isUtf8 } from 'node:buffer';

/** Longer texts are cut; a record stays well below the log's buffer that way. */
export const longestText = 1024;

/** Needs no escape in JSON either. */
const plainJson = /^[ !#-[\]-~]*$/;
const plainAscii = /^[\x20-\x7e]*$/;
const aboveOctets = /[\u0100-\uffff]/;
const notAscii = /[\x80-\xff]/g;
/**
 * Valid in JSON as they are, but terminals obey the first (C1 controls), readers of lines break at U+2028 and U+2029, and the rest
 * turns around what stands beside it (marks and overrides of direction), so that a line reads as what it is not.
 */
const mischievous = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/** The same, and the controls that JSON escapes itself. */
const mischievousText = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A JSON string, with its quotes. */
export function jsonString(text: string): string {
  if (plainJson.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(mischievous, escapeUnit);
}

/** A line of JSON, as another has written it: the same to who parses it, and harmless to who looks at it. */
export function harmlessJson(line: string): string {
  return line.replace(mischievous, escapeUnit);
}

/** A text that is shown as it is, or goes into JSON that others write: what a terminal would obey is spelt out. */
export function harmlessText(text: string): string {
  return text.replace(mischievousText, escapeUnit);
}

const ELLIPSIS = '…';

/** A JSON string, with its quotes, of at most so many bytes; what is cut off is shown by an ellipsis. */
export function boundedJsonString(text: string, mostBytes: number): string {
  if (text.length + 2 <= mostBytes && plainJson.test(text)) return `"${text}"`;
  if (text.length + 2 <= mostBytes) {
    const whole = jsonString(text);
    if (Buffer.byteLength(whole) <= mostBytes) return whole;
  }
  let written = '';
  let bytes = 2 + Buffer.byteLength(ELLIPSIS);
  for (const character of text) {
    const unit = jsonString(character).slice(1, -1);
    bytes += Buffer.byteLength(unit);
    if (bytes > mostBytes) break;
    written += unit;
  }
  return `"${written}${ELLIPSIS}"`;
}

/** A text of our own, of at most 1,024 characters. */
export function boundedText(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}…`;
}

/**
 * Text from a latin1 string whose characters are octets: they are read as UTF-8, and where they are not that, each
 * octet above 0x7f is shown as \xhh. A string with a character above 0xff is no octets but text, and stays as it is.
 */
export function textOfOctets(octets: string): string {
  if (octets.length <= longestText && plainAscii.test(octets)) return octets;
  if (aboveOctets.test(octets)) return boundedText(octets);
  const isCut = octets.length > longestText;
  const bytes = Buffer.from(isCut ? octets.slice(0, characterEnd(octets, longestText)) : octets, 'latin1');
  const text = isUtf8(bytes)
    ? bytes.toString('utf8')
    : bytes.toString('latin1').replace(notAscii, hexOfOctet);
  return isCut ? `${text}…` : text;
}

/** The last place up to `end` that is not inside a UTF-8 sequence. */
function characterEnd(octets: string, end: number): number {
  for (let start = end; start > end - 4; start -= 1) {
    if ((octets.charCodeAt(start) & 0xc0) !== 0x80) return start;
  }
  return end;
}

function hexOfOctet(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16)}`;
}

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
