// Fields that are appended to a memoised block: literals without indexing, without Huffman coding, with a new name (RFC 7541
// section 6.2.2). They refer to no table, so they mean the same on every connection.

import { integerLength, writeInteger } from './integer.ts';
import { writePlainString } from './string-literal.ts';

/** RFC 7541 sections 6.2.2 and 6.2.3: with an index of 0, for a new name. */
const WITHOUT_INDEXING = 0x00;
const NEVER_INDEXED = 0x10;
/** The first byte, and two lengths at their longest (RFC 7541 section 5.1). */
const AROUND_BYTES = 16;
const LENGTH_MASK = 0x7f;

/** Writes the field and returns the offset after it. The caller makes sure that there is room. */
export function writeLiteralField(
  target: Buffer,
  offset: number,
  name: string,
  value: string,
  isNeverIndexed = false,
): number {
  target[offset] = isNeverIndexed ? NEVER_INDEXED : WITHOUT_INDEXING;
  return writePlainString(target, writePlainString(target, offset + 1, name), value);
}

/** @returns the field as text, with one character for each byte */
export function literalFieldText(name: string, value: string, isNeverIndexed: boolean): string {
  const bytes = Buffer.allocUnsafe(name.length + value.length + AROUND_BYTES);
  return bytes.toString('latin1', 0, writeLiteralField(bytes, 0, name, value, isNeverIndexed));
}

/** The whole field except the bytes of its value, for values of a fixed length that are written in place. */
export function literalFieldPrefix(name: string, valueLength: number): Buffer {
  const prefix = Buffer.alloc(
    1 + integerLength(LENGTH_MASK, name.length) + name.length + integerLength(LENGTH_MASK, valueLength),
  );
  writeInteger(prefix, writePlainString(prefix, 1, name), 0, LENGTH_MASK, valueLength);
  return prefix;
}
