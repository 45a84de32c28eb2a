// Fields that are appended to a memoised block: literals without indexing, without Huffman coding, with a new name (RFC 7541
// section 6.2.2). They refer to no table, so they mean the same on every connection.

import { integerLength, writeInteger } from './integer.ts';
import { writePlainString } from './string-literal.ts';

const LENGTH_MASK = 0x7f;

/** Writes the field and returns the offset after it. The caller makes sure that there is room. */
export function writeLiteralField(target: Buffer, offset: number, name: string, value: string): number {
  target[offset] = 0;
  return writePlainString(target, writePlainString(target, offset + 1, name), value);
}

/** The whole field except the bytes of its value, for values of a fixed length that are written in place. */
export function literalFieldPrefix(name: string, valueLength: number): Buffer {
  const prefix = Buffer.alloc(
    1 + integerLength(LENGTH_MASK, name.length) + name.length + integerLength(LENGTH_MASK, valueLength),
  );
  writeInteger(prefix, writePlainString(prefix, 1, name), 0, LENGTH_MASK, valueLength);
  return prefix;
}
