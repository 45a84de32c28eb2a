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
/** Valid in JSON as they are, but terminals obey the first, and line-based readers break at the last two. */
const mischievous = /[\x7f-\x9f\u2028\u2029]/g;

/** A JSON string, with its quotes. */
export function jsonString(text: string): string {
  if (plainJson.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(mischievous, escapeUnit);
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
