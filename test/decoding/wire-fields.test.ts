// The fields of messages on the wire, of which anything may be missing or wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { contentsOf, lengthDelimited, visitFields, wireFieldsOf } from '../../src/decoding/wire-fields.ts';

test('fields of all wire types are read, and contents by their number', () => {
  const bytes = Buffer.from('08011101020304050607081a02686925010203041a00', 'hex');
  const read = wireFieldsOf(bytes);
  assert.deepEqual(
    read.fields.map(({ number, wireType }) => [number, wireType]),
    [
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 5],
      [3, 2],
    ],
  );
  assert.equal(read.end, bytes.length);
  assert.deepEqual(contentsOf(read, 3).map(String), ['hi', '']);
});

test('a message that is cut has the fields that are complete, wherever it is cut', () => {
  const first = lengthDelimited(1, Buffer.alloc(300, 'a'));
  const whole = Buffer.concat([first, lengthDelimited(2, Buffer.from('bc'))]);
  for (let cut = 0; cut <= whole.length; cut++) {
    const { fields, end } = wireFieldsOf(whole.subarray(0, cut));
    const expected = cut < first.length ? 0 : cut < whole.length ? first.length : whole.length;
    assert.equal(end, expected, `cut at ${cut}`);
    assert.equal(fields.length, cut < first.length ? 0 : cut < whole.length ? 1 : 2);
  }
});

test('reading ends before what is no field, and what came before it is there', () => {
  const first = lengthDelimited(1, Buffer.from('a'));
  for (const [what, hex] of [
    ['a field with the number 0', '0001'],
    ['a group', '0b'],
    ['a wire type that there is not', '0f00'],
    ['a varint of eleven bytes', '08ffffffffffffffffffff01'],
    ['a length of eleven bytes', '0affffffffffffffffffff01'],
    ['a length beyond the end', '0a05616263'],
    ['half of eight bytes', '0900000000'],
  ] as const) {
    const { fields, end } = wireFieldsOf(Buffer.concat([first, Buffer.from(hex, 'hex')]));
    assert.deepEqual([fields.length, end], [1, first.length], what);
  }
  assert.deepEqual(wireFieldsOf(Buffer.from('08ffffffffffffffffff01', 'hex')).fields.length, 1);
  assert.equal(wireFieldsOf(Buffer.alloc(0)).end, 0);
});

test('any bytes end somewhere', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const { end } = wireFieldsOf(Buffer.from(bytes));
      assert.ok(end >= 0 && end <= bytes.length);
    }),
  );
});

test('a message with very many fields is refused, and only counting them keeps nothing', () => {
  const empty = Buffer.alloc(400_000, Buffer.from([10, 0]));
  assert.throws(() => wireFieldsOf(empty), /more than 100000 fields/);
  let visited = 0;
  assert.equal(
    visitFields(empty, () => visited++),
    empty.length,
  );
  assert.equal(visited, 200_000);
});
