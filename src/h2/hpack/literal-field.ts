// Fields appended behind a memoised block: literals without indexing, without Huffman coding, with a new name
// (RFC 7541 section 6.2.2). They depend on no table, so they mean the same on every connection.

import { integerLength, writeInteger } from './integer.ts';
import { writePlainString } from './string-literal.ts';

const LENGTH_MASK = 0x7f;

/** Writes the field and returns the offset after it; the caller sees to it that there is room. */
export function writeLiteralField(target: Buffer, offset: number, name: string, value: string): number {
  target[offset] = 0;
  return writePlainString(target, writePlainString(target, offset + 1, name), value);
}

/** Everything of the field but the octets of its value, for values of a fixed length that are written in place. */
export function literalFieldPrefix(name: string, valueLength: number): Buffer {
  const prefix = Buffer.alloc(
    1 + integerLength(LENGTH_MASK, name.length) + name.length + integerLength(LENGTH_MASK, valueLength),
  );
  writeInteger(prefix, writePlainString(prefix, 1, name), 0, LENGTH_MASK, valueLength);
  return prefix;
}
