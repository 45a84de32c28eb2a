// The encoder's memo: the bytes of a list that comes again are kept, exactly as long as the dynamic table is unchanged.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

function newDecoder(): HpackDecoder {
  return new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 1_000 });
}

/** Encodes until the fields are in the table and the block is kept. */
function settle(encoder: HpackEncoder, list: HeaderList): void {
  for (let round = 0; round < 4; round++) encoder.encode(list);
}

test('a list that settled gives the same block object again', () => {
  const encoder = new HpackEncoder();
  const list = HeaderList.of([':method', 'POST'], ['te', 'trailers'], ['x-one', '1']);
  settle(encoder, list);
  const block = encoder.encode(list);
  assert.equal(encoder.encode(list), block);
  assert.equal(block.bytes.toString('hex', 0, block.length), '83bfbe');
});

test('the kept block is a copy that other lists do not overwrite', () => {
  const encoder = new HpackEncoder();
  const list = HeaderList.of([':method', 'POST']);
  settle(encoder, list);
  const block = encoder.encode(list);
  new HpackEncoder().encode(HeaderList.of(['other', 'field']));
  assert.equal(block.bytes.toString('hex', 0, block.length), '83');
});

test('an equal list that is another object is encoded by itself', () => {
  const encoder = new HpackEncoder();
  const list = HeaderList.of([':method', 'POST']);
  settle(encoder, list);
  assert.notEqual(encoder.encode(HeaderList.of([':method', 'POST'])), encoder.encode(list));
});

test('a block whose fields may be inserted next time is not kept', () => {
  const list = HeaderList.of(['te', 'trailers']);
  settle(new HpackEncoder(), list);
  const encoder = new HpackEncoder();
  encoder.encode(list);
  encoder.encode(list);
  const { bytes } = encoder.encode(list);
  assert.equal(bytes[0], 0xbe);
});

test('an insertion invalidates what was kept', () => {
  const encoder = new HpackEncoder();
  const list = HeaderList.of(['te', 'trailers']);
  settle(encoder, list);
  const { generation } = encoder;
  for (let round = 0; round < 2; round++) encoder.encode(HeaderList.of(['x-new', '1']));
  assert.notEqual(encoder.generation, generation);
  assert.equal(encoder.encode(list).bytes[0], 0xbf);
});

test('a resized table invalidates what was kept', () => {
  const encoder = new HpackEncoder();
  const list = HeaderList.of([':method', 'POST']);
  settle(encoder, list);
  encoder.setPeerMaxTableSize(0);
  const { bytes, length } = encoder.encode(list);
  assert.equal(bytes.toString('hex', 0, length), '2083');
  const next = encoder.encode(list);
  assert.equal(next.bytes.toString('hex', 0, next.length), '83');
});

test('a block that changes nothing leaves everything valid', () => {
  const encoder = new HpackEncoder();
  const list = HeaderList.of(['te', 'trailers']);
  settle(encoder, list);
  const block = encoder.encode(list);
  encoder.encode(
    HeaderList.of(['x-request-id', '1'], ['authorization', '2'], [':method', 'GET'], ['x-new', '1']),
  );
  encoder.setPeerMaxTableSize(65_536);
  assert.equal(encoder.encode(list), block);
});

test('more lists than the memo holds are all encoded rightly', () => {
  const encoder = new HpackEncoder();
  const decoder = newDecoder();
  const lists = Array.from({ length: 3_000 }, (_, number) =>
    HeaderList.of([':method', 'POST'], ['x-request-id', String(number)]),
  );
  for (let round = 0; round < 3; round++) {
    for (const [number, list] of lists.entries()) {
      const { bytes, length } = encoder.encode(list);
      assert.deepEqual(decoder.decode(bytes, 0, length).values, ['POST', String(number)]);
    }
  }
});

/** Each with an id of its own, which needs no table. */
function numberedLists(count: number): HeaderList[] {
  return Array.from({ length: count }, (_, number) =>
    HeaderList.of([':method', 'POST'], ['x-request-id', String(number)]),
  );
}

test('lists that come for a moment, as responses with a date do, are not kept', () => {
  const encoder = new HpackEncoder();
  const kept = numberedLists(1_000).map((list) => {
    settle(encoder, list);
    return { list, block: encoder.encode(list) };
  });
  const stillThere = kept.filter(({ list, block }) => encoder.encode(list) === block);
  assert.ok(stillThere.length < 64, `${stillThere.length} of 1000 are kept`);
});

test('lists that are in use stay, however many, while others come and go', () => {
  const encoder = new HpackEncoder();
  const used = numberedLists(300);
  const passing = numberedLists(300);
  for (let round = 0; round < 8; round++) for (const list of used) encoder.encode(list);
  const blocks = used.map((list) => encoder.encode(list));
  for (const list of passing) {
    settle(encoder, list);
    for (const inUse of used) encoder.encode(inUse);
  }
  for (const [number, list] of used.entries()) assert.equal(encoder.encode(list), blocks[number]);
});
