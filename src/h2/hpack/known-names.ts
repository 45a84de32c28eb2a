// Interned field names. A name that repeats as a literal yields the string made of the same bytes before, so that the name is
// neither decoded nor hashed again. All connections share one small table of fixed size. When a name replaces another, the other
// is decoded once more.

import { CONNECTION_SPECIFIC, isFieldName } from '../field-bytes.ts';
import { indexingRule, NEVER_INDEX } from './indexing-rule.ts';
import type { BlockCursor } from './integer.ts';
import { STATIC_BY_NAME } from './static-table.ts';
import { readString } from './string-literal.ts';

const PLACES = 512;
/** Longer names are rare. Huffman coded names (whose first byte is 0x80 or above) are read as usual. */
const LONGEST = 48;

export interface KnownName {
  readonly bytes: Uint8Array;
  readonly text: string;
  /** No rule of HTTP/2 or HPACK is about this name in particular. */
  readonly isOrdinary: boolean;
}

const names: (KnownName | undefined)[] = Array.from({ length: PLACES }, () => undefined);

/** For each place, the place of the name that followed it last: fields mostly come in the same order. */
const followers = new Uint16Array(PLACES);
let lastPlace = 0;

/** Reads the string literal at the cursor as a name. */
export function readName(cursor: BlockCursor): string {
  const { block } = cursor;
  const length = block[cursor.position];
  const start = cursor.position + 1;
  if (!(length <= LONGEST) || start + length > cursor.end) return readString(cursor);
  const place = placeOf(block, start, start + length);
  const known = names[place];
  if (known !== undefined && isSame(known.bytes, block, start, length)) {
    cursor.position = start + length;
    return known.text;
  }
  const text = readString(cursor);
  names[place] = {
    bytes: new Uint8Array(block.subarray(start, start + length)),
    text,
    isOrdinary: isOrdinary(text),
  };
  return text;
}

/** The name whose literal begins at the position, if that name was read before. */
export function knownNameAt(block: Buffer, position: number, end: number): KnownName | undefined {
  const length = block[position];
  const start = position + 1;
  if (!(length <= LONGEST) || start + length > end) return undefined;
  const expectedPlace = followers[lastPlace];
  const expected = names[expectedPlace];
  if (expected !== undefined && isSame(expected.bytes, block, start, length)) {
    lastPlace = expectedPlace;
    return expected;
  }
  const place = placeOf(block, start, start + length);
  const known = names[place];
  if (known === undefined || !isSame(known.bytes, block, start, length)) return undefined;
  followers[lastPlace] = place;
  lastPlace = place;
  return known;
}

function isOrdinary(name: string): boolean {
  return (
    isFieldName(name) &&
    name !== 'te' &&
    !CONNECTION_SPECIFIC.has(name) &&
    !STATIC_BY_NAME.has(name) &&
    indexingRule(name, '') !== NEVER_INDEX
  );
}

function placeOf(block: Buffer, start: number, end: number): number {
  let hash = end - start;
  for (let position = start; position < end; position++) hash = (Math.imul(hash, 31) + block[position]) | 0;
  return (hash ^ (hash >>> 15)) & (PLACES - 1);
}

function isSame(known: Uint8Array, block: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let position = 0; position < length; position++) {
    if (known[position] !== block[start + position]) return false;
  }
  return true;
}
