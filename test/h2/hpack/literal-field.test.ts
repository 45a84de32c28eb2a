import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import { literalFieldPrefix, writeLiteralField } from '../../../src/h2/hpack/literal-field.ts';

/** Bytes of a field: its first one, name and value with their lengths. */
function literalFieldLength(name: string, value: string): number {
  return literalFieldPrefix(name, value.length).length + value.length;
}

function newDecoder(): HpackDecoder {
  return new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 100 });
}

test('a field is written as a literal without indexing and takes the length foretold', () => {
  const target = Buffer.alloc(64, 0xaa);
  const end = writeLiteralField(target, 3, 'x-request-id', '0123456789abcdef');
  assert.equal(end - 3, literalFieldLength('x-request-id', '0123456789abcdef'));
  assert.equal(target[2], 0xaa);
  assert.equal(target[end], 0xaa);
  assert.equal(target[3], 0x00);
  const decoder = newDecoder();
  const list = decoder.decode(target, 3, end);
  assert.deepEqual([list.names, list.values], [['x-request-id'], ['0123456789abcdef']]);
  assert.equal(decoder.generation, 0);
});

test('any name and value come through', () => {
  const latin1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  fc.assert(
    fc.property(latin1, latin1, (name, value) => {
      const target = Buffer.alloc(literalFieldLength(name, value));
      assert.equal(writeLiteralField(target, 0, name, value), target.length);
      const list = newDecoder().decode(target, 0, target.length);
      assert.deepEqual([list.names, list.values], [[name], [value]]);
    }),
    { seed: 7541, numRuns: 200 },
  );
});

test('the prefix is the field without its value', () => {
  for (const value of ['', '1500m', 'v'.repeat(126), 'v'.repeat(127), 'v'.repeat(300)]) {
    const whole = Buffer.alloc(literalFieldLength('grpc-timeout', value));
    writeLiteralField(whole, 0, 'grpc-timeout', value);
    const prefix = literalFieldPrefix('grpc-timeout', value.length);
    assert.deepEqual(Buffer.concat([prefix, Buffer.from(value, 'latin1')]), whole);
  }
});

test('a field appended to an encoded block belongs to its list', () => {
  const encoded = new HpackEncoder().encode(HeaderList.of([':method', 'POST'], ['te', 'trailers']));
  const block = Buffer.alloc(encoded.length + literalFieldLength('grpc-timeout', '99m'));
  encoded.bytes.copy(block, 0, 0, encoded.length);
  writeLiteralField(block, encoded.length, 'grpc-timeout', '99m');
  const list = newDecoder().decode(block, 0, block.length);
  assert.deepEqual(list.names, [':method', 'te', 'grpc-timeout']);
  assert.deepEqual(list.values, ['POST', 'trailers', '99m']);
});
