import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ConnectionError } from '../../../src/h2/errors.ts';
import { integerLength, readInteger, writeInteger } from '../../../src/h2/hpack/integer.ts';

function read(prefixMask: number, ...bytes: readonly number[]): { value: number; position: number } {
  const block = Buffer.from(bytes);
  const cursor = { block, position: 0, end: block.length };
  return { value: readInteger(cursor, prefixMask), position: cursor.position };
}

for (const [section, prefixMask, value, bytes] of [
  ['C.1.1', 0x1f, 10, [0x0a]],
  ['C.1.2', 0x1f, 1337, [0x1f, 0x9a, 0x0a]],
  ['C.1.3', 0xff, 42, [0x2a]],
] as const) {
  test(`RFC 7541 ${section} reads and writes ${value}`, () => {
    assert.deepEqual(read(prefixMask, ...bytes), { value, position: bytes.length });
    const target = Buffer.alloc(bytes.length);
    assert.equal(writeInteger(target, 0, 0, prefixMask, value), bytes.length);
    assert.deepEqual([...target], bytes);
  });
}

test('bits above the prefix are ignored when read and kept when written', () => {
  assert.deepEqual(read(0x1f, 0xea), { value: 10, position: 1 });
  const target = Buffer.alloc(2);
  writeInteger(target, 0, 0x20, 0x1f, 31);
  assert.deepEqual([...target], [0x3f, 0x00]);
});

function isTooLong(error: unknown): boolean {
  return error instanceof ConnectionError && error.token === 'hpack_integer_too_long';
}

test('every value the reader accepts is written and read back, with the length foretold', () => {
  const masks = fc.constantFrom(0x0f, 0x1f, 0x3f, 0x7f);
  fc.assert(
    fc.property(masks, fc.nat(2 ** 28 - 1), fc.nat(3), (prefixMask, value, offset) => {
      const target = Buffer.alloc(12);
      const end = writeInteger(target, offset, 0, prefixMask, value);
      assert.equal(end - offset, integerLength(prefixMask, value));
      const cursor = { block: target, position: offset, end };
      assert.equal(readInteger(cursor, prefixMask), value);
      assert.equal(cursor.position, end);
    }),
    { seed: 7541, numRuns: 500 },
  );
});

test('the largest integer is read without overflow', () => {
  assert.equal(read(0x7f, 0x7f, 0xff, 0xff, 0xff, 0x7f).value, 2 ** 28 - 1 + 127);
});

test('hpack_integer_too_long', () => {
  assert.throws(() => read(0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f), isTooLong);
  // Zeros in front of the value are no excuse: section 5.1 lets an implementation limit the bytes.
  assert.throws(() => read(0x7f, 0x7f, 0x80, 0x80, 0x80, 0x80, 0x00), isTooLong);
});

test('hpack_integer_truncated', () => {
  assert.throws(
    () => read(0x7f, 0x7f, 0x80),
    (error: unknown) => error instanceof ConnectionError && error.token === 'hpack_integer_truncated',
  );
});
