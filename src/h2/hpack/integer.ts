// Integers with an N-bit prefix (RFC 7541 section 5.1), bounded so that no peer can make one overflow.

import { ErrorCode } from '../error-codes.ts';
import { ConnectionError } from '../errors.ts';

/** Where reading stands in one header block. */
export interface BlockCursor {
  block: Buffer;
  /** The next octet to read; readers move it on. */
  position: number;
  /** The first octet after the block. */
  end: number;
}

/** After four continuation octets (28 bits) no size or index can be meant; section 5.1 wants a limit. */
const LAST_SHIFT = 21;

/** Reads the integer that starts in the octet at the cursor; `prefixMask` is the largest value the prefix holds. */
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
    const octet = block[cursor.position++];
    value += (octet & 0x7f) << shift;
    if (octet < 0x80) return value;
  }
  throw new ConnectionError(
    ErrorCode.COMPRESSION_ERROR,
    'hpack_integer_too_long',
    'A header block holds an integer of more than four continuation octets',
  );
}

/** How many octets writeInteger needs. */
export function integerLength(prefixMask: number, value: number): number {
  if (value < prefixMask) return 1;
  let length = 2;
  for (let rest = value - prefixMask; rest >= 0x80; rest >>>= 7) length++;
  return length;
}

/**
 * Writes `value` behind the bits of `pattern` (those above the prefix) and returns the offset after it.
 * `value` is below 2^31.
 */
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
