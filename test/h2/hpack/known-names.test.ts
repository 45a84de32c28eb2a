// Names read from a table that all connections share: whatever was read before, a literal gives the name its bytes spell.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError } from '../../../src/h2/errors.ts';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';

function nameOf(...bytes: readonly number[]): string {
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 10 });
  const block = Buffer.from([0, ...bytes, 1, 0x76]);
  return decoder.decode(block, 0, block.length).names[0];
}

function spelled(name: string): readonly number[] {
  return [name.length, ...Buffer.from(name, 'latin1')];
}

test('thousands of names, many to a place, are each read as they are, again and again', () => {
  const names = Array.from({ length: 3000 }, (_, index) => `x-${index.toString(36)}`);
  for (const round of [1, 2]) {
    for (const name of names) assert.equal(nameOf(...spelled(name)), name, `round ${round}`);
  }
});

test('names that differ in their last byte, or only in length, are told apart', () => {
  for (const name of ['x-a', 'x-b', 'x-ab', 'x-', 'x-a']) assert.equal(nameOf(...spelled(name)), name);
});

test('the bytes are those of any name, upper case and above 127 too, and long ones', () => {
  for (const name of ['X-A', 'x-\xff\x80', 'n'.repeat(48), 'n'.repeat(49), 'n'.repeat(126)]) {
    for (const round of [1, 2]) assert.equal(nameOf(...spelled(name)), name, `round ${round}`);
  }
});

test('a Huffman coded name is another literal of the same name', () => {
  assert.equal(nameOf(...spelled('te')), 'te');
  // RFC 7541 appendix B: t is 01001, e is 00101, padded with ones.
  assert.equal(nameOf(0x82, 0b01001_001, 0b01_111111), 'te');
});

test('a name that ends behind its block is refused, known or not', () => {
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 10 });
  nameOf(...spelled('x-known'));
  const block = Buffer.from([0, ...spelled('x-known')]);
  for (let end = 1; end < block.length; end++) {
    assert.throws(
      () => decoder.decode(block, 0, end),
      (error: unknown) => error instanceof ConnectionError && error.token === 'hpack_string_truncated',
    );
  }
});
