// Integers with an N-bit prefix (RFC 7541 section 5.1), bounded so that no peer can cause an overflow.

import { ErrorCode } from '../error-codes.ts';
import { ConnectionError } from '../errors.ts';

/** The read position in one header block. */
export interface BlockCursor {
  block: Buffer;
  /** The next byte to read. Reading functions advance it. */
  position: number;
  /** The first byte after the block. */
  end: number;
}

/** No valid size or index needs more than four continuation bytes (28 bits). Section 5.1 requires a limit. */
const LAST_SHIFT = 21;

/** Reads the integer that starts in the byte at the cursor. `prefixMask` is the largest value the prefix can hold. */
export function readInteger(cursor: BlockCursor, prefixMask: number): number {
  const prefix = cursor.block[cursor.position++] & prefixMask;
  return prefix < prefixMask ? prefix : readContinuation(cursor, prefixMask);
}

function readContinuation(cursor: BlockCursor, prefixMask: number): number {
  const { block, end } = cursor;
  let value = prefixMask;
  for (let shift = 0; shift <= LAST_SHIFT; shift += 7) {
    if (cursor.position >= end) {
      throw new ConnectionError(
        ErrorCode.COMPRESSION_ERROR,
        'hpack_integer_truncated',
        'A header block ends inside an integer',
      );
    }
    const byte = block[cursor.position++];
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new ConnectionError(
    ErrorCode.COMPRESSION_ERROR,
    'hpack_integer_too_long',
    'A header block holds an integer of more than four continuation bytes',
  );
}

/** How many bytes writeInteger writes. */
export function integerLength(prefixMask: number, value: number): number {
  if (value < prefixMask) return 1;
  let length = 2;
  for (let rest = value - prefixMask; rest >= 0x80; rest >>>= 7) length++;
  return length;
}

/** Writes `value` with the bits of `pattern` above the prefix, and returns the offset after it. `value` must be below 2^31. */
export function writeInteger(
  target: Buffer,
  offset: number,
  pattern: number,
  prefixMask: number,
  value: number,
): number {
  if (value < prefixMask) {
    target[offset] = pattern | value;
    return offset + 1;
  }
  target[offset++] = pattern | prefixMask;
  let rest = value - prefixMask;
  for (; rest >= 0x80; rest >>>= 7) target[offset++] = 0x80 | (rest & 0x7f);
  target[offset++] = rest;
  return offset;
}
