// Encodes text for the hand-written JSON of the access log, so that what a client chose is readable, bounded and harmless.
// A line must never be invalid JSON, and must never contain what a terminal interprets.

import { isUtf8 } from 'node:buffer';

/** The number of characters at which a text is cut, so that a record stays well below the size of the log's buffer. */
export const longestText = 1024;

/** Printable ASCII that needs no escape in JSON. */
const plainJson = /^[ !#-[\]-~]*$/;
const plainAscii = /^[\x20-\x7e]*$/;
const aboveLatin1 = /[\u0100-\uffff]/;
const notAscii = /[\x80-\xff]/g;
/**
 * Characters that JSON allows unescaped but that are dangerous. Terminals interpret DEL and the C1 controls, line readers break
 * at U+2028 and U+2029, and the others (Cf) are invisible, or reorder their neighbours, so that a line reads differently.
 */
const mischievous = /[\x7f-\x9f\p{Cf}\u2028\u2029]/gv;
/** The same characters, those that JSON would escape, and in a text without quotes all that nobody sees or takes for a space. */
const mischievousText = /[\p{Cc}\p{Cf}[\p{Z}--\x20]]/gv;

/** @returns a JSON string with its quotes */
export function jsonString(text: string): string {
  if (plainJson.test(text)) return `"${text}"`;
  return harmlessJson(JSON.stringify(text));
}

/** Escapes dangerous characters in a finished line of JSON. Parsers read the same value, and terminals show it safely. */
export function harmlessJson(line: string): string {
  return line.replace(mischievous, escapeUnits);
}

/** Escapes what a terminal would interpret, in a text that is shown as it is or that other code encodes as JSON. */
export function harmlessText(text: string): string {
  return text.replace(mischievousText, escapeUnits);
}

const ELLIPSIS = '…';

/** @returns a JSON string with its quotes, of at most `mostBytes` bytes; an ellipsis marks a cut */
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

/** Cuts a text, as opposed to bytes of a peer, to 1,024 characters and an ellipsis. */
export function boundedText(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}…`;
}

/**
 * Decodes a latin1 string with one character per byte, and cuts it to 1,024 bytes. The bytes are read as UTF-8; if they are not
 * valid UTF-8, each byte above 0x7f is shown as \xhh. A string with a character above 0xff is already text and is only cut.
 */
export function textOfBytes(latin1: string): string {
  if (latin1.length <= longestText && plainAscii.test(latin1)) return latin1;
  if (aboveLatin1.test(latin1)) return boundedText(latin1);
  const isCut = latin1.length > longestText;
  const bytes = Buffer.from(isCut ? latin1.slice(0, characterEnd(latin1, longestText)) : latin1, 'latin1');
  const text = isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1').replace(notAscii, hexOfByte);
  return isCut ? `${text}…` : text;
}

/** @returns the last index up to `end` that is not inside a UTF-8 sequence */
function characterEnd(latin1: string, end: number): number {
  for (let start = end; start > end - 4; start -= 1) {
    if ((latin1.charCodeAt(start) & 0xc0) !== 0x80) return start;
  }
  return end;
}

function hexOfByte(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16)}`;
}

/** @param character of one UTF-16 unit, or of two */
function escapeUnits(character: string): string {
  return character.split('').map(escapeUnit).join('');
}

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
