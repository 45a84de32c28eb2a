// Names of fields that come as literals, call after call: the string made of the same octets before is given again, so that it is
// neither decoded nor hashed anew. One small table for all connections, in fixed memory; a name that drives out another costs
// that one a decoding.

import type { BlockCursor } from './integer.ts';
import { readString } from './string-literal.ts';

const PLACES = 512;
/** Longer ones are rare, and Huffman coded ones (from 0x80) are read as usual. */
const LONGEST = 48;

const octetsByPlace: (Uint8Array | undefined)[] = Array.from({ length: PLACES }, () => undefined);
const nameByPlace: string[] = Array.from({ length: PLACES }, () => '');

/** The string literal at the cursor, which is a name. */
export function readName(cursor: BlockCursor): string {
  const { block } = cursor;
  const length = block[cursor.position];
  const start = cursor.position + 1;
  if (!(length <= LONGEST) || start + length > cursor.end) return readString(cursor);
  const place = placeOf(block, start, start + length);
  const known = octetsByPlace[place];
  if (known !== undefined && isSame(known, block, start, length)) {
    cursor.position = start + length;
    return nameByPlace[place];
  }
  const name = readString(cursor);
  octetsByPlace[place] = new Uint8Array(block.subarray(start, start + length));
  nameByPlace[place] = name;
  return name;
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
