// String literals (RFC 7541 section 5.2): a flag for Huffman coding, a length, and the bytes. Strings are latin1, one character
// for each byte.

import { ErrorCode } from '../error-codes.ts';
import { ConnectionError } from '../errors.ts';
import { decodeHuffman, huffmanLength, writeHuffman } from './huffman.ts';
import { type BlockCursor, readInteger, writeInteger } from './integer.ts';

const HUFFMAN_FLAG = 0x80;
const LENGTH_MASK = 0x7f;

/** From this length on a native write is faster than a loop (measured: 24 to 32 bytes). */
const NATIVE_WRITE_FROM = 28;

export function readString(cursor: BlockCursor): string {
  if (cursor.position >= cursor.end) throw truncatedError();
  const isHuffman = cursor.block[cursor.position] >= HUFFMAN_FLAG;
  const length = readInteger(cursor, LENGTH_MASK);
  const start = cursor.position;
  const end = start + length;
  if (end > cursor.end) throw truncatedError();
  cursor.position = end;
  if (length === 0) return '';
  return isHuffman ? decodeHuffman(cursor.block, start, end) : cursor.block.toString('latin1', start, end);
}

/** Writes the shorter of the two forms and returns the offset after it. */
export function writeString(target: Buffer, offset: number, value: string): number {
  const coded = huffmanLength(value);
  if (coded >= value.length) return writePlainString(target, offset, value);
  return writeHuffman(target, writeInteger(target, offset, HUFFMAN_FLAG, LENGTH_MASK, coded), value);
}

/** Writes the value as it is, never Huffman coded. */
export function writePlainString(target: Buffer, offset: number, value: string): number {
  const start = writeInteger(target, offset, 0, LENGTH_MASK, value.length);
  if (value.length >= NATIVE_WRITE_FROM) {
    target.write(value, start, value.length, 'latin1');
  } else {
    for (let position = 0; position < value.length; position++) {
      target[start + position] = value.charCodeAt(position);
    }
  }
  return start + value.length;
}

function truncatedError(): ConnectionError {
  return new ConnectionError(
    ErrorCode.COMPRESSION_ERROR,
    'hpack_string_truncated',
    'A header block ends inside a string',
  );
}
