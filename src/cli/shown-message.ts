// What `framegate tap` shows of a message beside its size: its content as JSON, or its bytes. Both come from clients and services, so nothing of
// them reaches the terminal unescaped.

import { counted } from '../config/counted.ts';
import { fieldOf, numberOf, textOf } from '../control/answer-fields.ts';
import type { Decode } from '../decoding/decoder.ts';
import { LEFT_OUT } from '../decoding/left-out.ts';
import type { Decoded } from '../decoding/message-decoder.ts';
import { harmlessJson } from '../observability/json-text.ts';

/** A longer content is cut in the table. `--json` has all of it. */
const MOST_SHOWN_CHARACTERS = 400;
/** The same for one text in it. */
const LONGEST_TEXT_SHOWN = 64;
/** The proxy sends no longer ones. */
const MOST_BASE64_CHARACTERS = 100_000;

/** @returns the event of a message with its content: `decoded`, and `decodedPart` if something is missing behind it; or `undecoded`, the reason */
export async function withContent(event: object, decode: Decode, keepsBytes: boolean): Promise<object> {
  const decoded = await decode({
    path: rawText(event, 'method'),
    direction: fieldOf(event, 'direction') === 'response' ? 'response' : 'request',
    upstream: rawText(event, 'upstream'),
    endpoint: rawText(event, 'endpoint'),
    bytes: bytesOf(event),
    isTruncated: fieldOf(event, 'truncated') === true,
    isCompressed: fieldOf(event, 'compressed') === true,
    encoding: rawText(event, 'encoding'),
    leftOut: LEFT_OUT.find((why) => why === fieldOf(event, 'leftOut')),
  });
  const fields = Object.entries(event).filter(([name]) => keepsBytes || name !== 'bytes');
  return Object.fromEntries([...fields, ...entriesOf(decoded)]);
}

function entriesOf(decoded: Decoded): readonly (readonly [name: string, value: unknown])[] {
  if ('why' in decoded) return [['undecoded', decoded.why]];
  return [['decoded', decoded.json], ...(decoded.isPart ? [['decodedPart', true] as const] : [])];
}

/** @returns the metadata of an event as JSON, '' if there is none */
export function metadataText(event: unknown): string {
  const metadata = fieldOf(event, 'metadata');
  return isFilled(metadata) ? shortened(harmlessJson(JSON.stringify(metadata))) : '';
}

/** @returns lines that follow the line of a message, with its content */
export function contentLines(event: unknown): readonly string[] {
  const size = numberOf(fieldOf(event, 'sizeBytes'));
  const shown = bytesOf(event);
  const lines: string[] = [];
  const decoded = fieldOf(event, 'decoded');
  if (decoded !== undefined) {
    const note = fieldOf(event, 'decodedPart') === true ? ` (only its beginning; ${moreBytes(event)})` : '';
    lines.push(`${shortened(harmlessJson(JSON.stringify(decoded, shortText)))}${note}`);
  }
  const why = textOf(fieldOf(event, 'undecoded')).replaceAll('\n', ' ');
  if (why !== '') lines.push(`not decoded: ${shortened(why)}`);
  if (fieldOf(event, 'bytes') !== undefined && (shown.length > 0 || size === 0))
    lines.push(`${shown.length} of ${counted(size, 'byte')}: ${shortened(printable(shown))}`);
  return lines;
}

function moreBytes(event: unknown): string {
  return fieldOf(event, 'leftOut') === undefined
    ? '--bytes SIZE shows more'
    : 'the proxy left out the rest, for which it had no room';
}

function isFilled(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

/** Printable ASCII as it is, all else as \xhh. */
function printable(bytes: Buffer): string {
  return bytes
    .subarray(0, MOST_SHOWN_CHARACTERS)
    .toString('latin1')
    .replace(/[^ -[\]-~]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** One long text must not hide all others. */
function shortText(_name: string, value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= LONGEST_TEXT_SHOWN) return value;
  return `${value.slice(0, LONGEST_TEXT_SHOWN).toWellFormed()}… (${value.length} characters)`;
}

function shortened(text: string): string {
  if (text.length <= MOST_SHOWN_CHARACTERS) return text;
  return `${text.slice(0, MOST_SHOWN_CHARACTERS).toWellFormed()}… (${text.length} characters)`;
}

function bytesOf(event: unknown): Buffer {
  return Buffer.from(rawText(event, 'bytes').slice(0, MOST_BASE64_CHARACTERS), 'base64');
}

function rawText(event: unknown, name: string): string {
  const value = fieldOf(event, name);
  return typeof value === 'string' ? value : '';
}
