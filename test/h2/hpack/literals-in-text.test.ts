// Literals that stay in the text of their block: nobody can tell them from others by what a list says, they are sent on as they
// came, and whatever breaks a rule is read as a string and refused as ever.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkTrailers } from '../../../src/h2/header-rules.ts';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

type Field = readonly [name: string, value: string];

let calls = 0;

/** A value that no test has used. */
function freshValue(): string {
  calls++;
  return `value-${String(calls).padStart(12, '0')}`;
}

function literal([name, value]: Field, pattern = 0): Buffer {
  const text = Buffer.from(value, 'latin1');
  return Buffer.concat([
    Buffer.from([pattern, name.length]),
    Buffer.from(name, 'latin1'),
    lengthOf(text),
    text,
  ]);
}

function lengthOf(text: Buffer): Buffer {
  return Buffer.from(text.length < 127 ? [text.length] : [127, text.length - 127]);
}

function blockOf(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map((field) => literal(field)));
}

function decode(block: Buffer, limits: { maxListSizeBytes?: number; maxFields?: number } = {}): HeaderList {
  const decoder = new HpackDecoder({
    maxTableSizeBytes: 4_096,
    maxListSizeBytes: 65_536,
    maxFields: 100,
    ...limits,
  });
  // Between other bytes, as in a read buffer.
  const buffer = Buffer.concat([Buffer.alloc(7, 0xff), block, Buffer.alloc(5, 0xff)]);
  const list = decoder.decode(buffer, 7, 7 + block.length);
  buffer.fill(0xee);
  return list;
}

/** After their names were read once, as names are known from then on. */
function decodeKnown(fields: readonly Field[], limits = {}): HeaderList {
  decode(blockOf(fields.map(([name]) => [name, freshValue()])));
  return decode(blockOf(fields), limits);
}

function fieldsOf(list: HeaderList): Field[] {
  return list.names.map((name, index) => [name, list.valueAt(index)]);
}

function encoded(list: HeaderList, encoder = new HpackEncoder()): Buffer {
  const { bytes, length } = encoder.encode(list);
  return Buffer.from(bytes.subarray(0, length));
}

test('a literal of a known name stays in the text, and is found as before, when the buffer is long used again', () => {
  const value = freshValue();
  const list = decodeKnown([
    ['x-stay-a', value],
    ['x-stay-b', ''],
    ['x-stay-c', 'short'],
  ]);
  assert.deepEqual(
    [0, 1, 2].map((index) => list.isLiteral(index)),
    [true, true, true],
  );
  assert.equal(list.get('x-stay-a'), value);
  assert.deepEqual(list.values, [value, '', 'short']);
  assert.deepEqual(list.neverIndexed, [false, false, false]);
  assert.equal(list.sizeBytes, HeaderList.of(...fieldsOf(list)).sizeBytes);
  assert.equal(list.isLiteral(0), false);
});

test('they are sent on byte for byte', () => {
  const fields: Field[] = [
    ['x-bytes-a', freshValue()],
    ['x-bytes-b', `${freshValue()}\xff\t \x80end`],
    ['x-bytes-c', 'v'.repeat(126)],
  ];
  assert.deepEqual(encoded(decodeKnown(fields)), blockOf(fields));
});

test('in a copy of the list, with others around and between them and some left out', () => {
  const fields: Field[] = [
    ['x-copied-a', freshValue()],
    ['x-copied-b', freshValue()],
    ['x-copied-c', freshValue()],
    ['x-copied-d', freshValue()],
  ];
  const list = decodeKnown(fields);
  const copy = new HeaderList();
  copy.add(':path', '/a.B/C');
  copy.addFrom(list, 0);
  copy.addFrom(list, 1);
  copy.add('x-between', 'here');
  copy.addFrom(list, 3);
  copy.add('te', 'trailers');
  const other = decodeKnown([['x-copied-e', freshValue()]]);
  copy.addFrom(other, 0);
  const expected = [
    [':path', '/a.B/C'],
    ...fields.slice(0, 2),
    ['x-between', 'here'],
    fields[3],
    ['te', 'trailers'],
    ...fieldsOf(other),
  ];
  const block = encoded(copy);
  assert.ok(block.includes(blockOf(fields.slice(0, 2))));
  assert.deepEqual(fieldsOf(decode(block)), expected);
  assert.deepEqual(fieldsOf(copy), expected);
});

test('a value seen just before is a string, which the encoder may give a place in its table', () => {
  const field: Field = ['x-repeated', freshValue()];
  decodeKnown([field]);
  const encoder = new HpackEncoder();
  const lists = [1, 2].map(() => decode(blockOf([field])));
  assert.equal(lists[0].isLiteral(0), false);
  for (const list of lists) encoded(list, encoder);
  assert.deepEqual(encoder.table.entries(), [field]);
});

test('a list that is sent again and again ends in the table like any other', () => {
  const list = decodeKnown([['x-again', freshValue()]]);
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 100 });
  const expected = fieldsOf(decodeKnown([['x-again', list.valueAt(0)]]));
  for (let round = 0; round < 6; round++) {
    const block = encoded(list, encoder);
    assert.deepEqual(fieldsOf(decoder.decode(block, 0, block.length)), expected);
  }
  assert.equal(encoder.table.length, 1);
});

test('a block with literals is kept when it came again, not at its first sight', () => {
  decodeKnown([['x-kept', freshValue()]]);
  const block = blockOf([['x-kept', freshValue()]]);
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 100 });
  const lists = [1, 2, 3].map(() => decoder.decode(block, 0, block.length));
  assert.equal(lists[0].isLiteral(0), true);
  assert.notEqual(lists[1], lists[0]);
  assert.equal(lists[2], lists[1]);
});

test('a block too large to be kept for one literal has none', () => {
  const rest = Array.from({ length: 70 }, (): Field => ['x-large', `${'v'.repeat(100)}${freshValue()}`]);
  decodeKnown([['x-large', freshValue()]]);
  const list = decode(blockOf(rest));
  assert.deepEqual([list.isLiteral(0), list.isLiteral(69)], [false, true]);
  assert.deepEqual(fieldsOf(list), rest);
});

test('what breaks a rule is no literal, and is refused', () => {
  for (const bad of ['\0', '\r', '\n', '\x01', '\x1f', '\x7f']) {
    for (const value of [`${bad}${freshValue()}`, `${freshValue()}${bad}v`, `${freshValue()}${bad}`]) {
      const list = decodeKnown([['x-rule', value]]);
      assert.equal(list.isLiteral(0), false);
      assert.throws(() => checkTrailers(list, 1), { token: 'field_value_invalid' });
    }
  }
  for (const name of ['connection', 'keep-alive', 'upgrade', 'X-Upper', 'x y', ':x', 'te', '']) {
    const list = decodeKnown([[name, freshValue()]]);
    assert.equal(list.isLiteral(0), false);
    assert.throws(() => checkTrailers(list, 1), { code: 1 }, name);
  }
});

test('white space at the ends of a value is taken off, as of any', () => {
  for (const [value, stripped] of [
    [' a', 'a'],
    ['a\t', 'a'],
    [' ', ''],
  ]) {
    const list = decodeKnown([['x-padded', value]]);
    checkTrailers(list, 1);
    assert.equal(list.get('x-padded'), stripped);
  }
});

test('credentials, cookies and never indexed fields are never literals', () => {
  for (const name of ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']) {
    assert.equal(decodeKnown([[name, freshValue()]]).isLiteral(0), false, name);
  }
  const block = literal(['x-secret', freshValue()], 0x10);
  decode(block);
  const list = decode(block);
  assert.equal(list.isLiteral(0), false);
  assert.deepEqual(list.neverIndexed, [true]);
});

function twoFields(): Field[] {
  return [
    ['x-limit-a', freshValue()],
    ['x-limit-b', freshValue()],
  ];
}

test('limits count them', () => {
  const { sizeBytes } = HeaderList.of(...twoFields());
  assert.equal(
    decodeKnown(twoFields(), { maxListSizeBytes: sizeBytes, maxFields: 2 }).overflowedAt,
    undefined,
  );
  assert.equal(decodeKnown(twoFields(), { maxListSizeBytes: sizeBytes - 1 }).overflowedAt, 'x-limit-b');
  assert.equal(decodeKnown(twoFields(), { maxFields: 1 }).overflowedAt, 'x-limit-b');
});

test('a block that ends inside one is refused', () => {
  const block = blockOf([['x-truncated', freshValue()]]);
  decode(block);
  const fresh = blockOf([['x-truncated', freshValue()]]);
  for (let end = 1; end < fresh.length; end++) {
    assert.throws(() => decode(fresh.subarray(0, end)), { token: 'hpack_string_truncated' });
  }
});

test('whatever the fields and however often: what is decoded and encoded is what was sent', () => {
  const name = fc.constantFrom(
    'x-some-a',
    'x-some-b',
    'traceparent',
    'x-some-bin',
    'grpc-status',
    'te',
    'x_y',
  );
  const value = fc.oneof(
    fc.constantFrom('', 'a', 'same value for all of them'),
    fc.string({
      maxLength: 300,
      unit: fc.integer({ max: 255, min: 0 }).map((byte) => String.fromCharCode(byte)),
    }),
  );
  const fields = fc.array(fc.tuple(name, value), { maxLength: 40 });
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 100 });
  fc.assert(
    fc.property(fields, fc.integer({ max: 4, min: 1 }), (sent, times) => {
      const list = decode(blockOf(sent));
      for (let time = 0; time < times; time++) {
        const block = encoded(list, encoder);
        assert.deepEqual(fieldsOf(decoder.decode(block, 0, block.length)), sent);
      }
      assert.deepEqual(fieldsOf(list), sent);
    }),
  );
});
