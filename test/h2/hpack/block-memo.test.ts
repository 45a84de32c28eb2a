// The decoder's memo: the same bytes give the same list object, exactly as long as the dynamic table is unchanged.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError } from '../../../src/h2/errors.ts';
import { BlockMemo } from '../../../src/h2/hpack/block-memo.ts';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

const REQUEST = '83 87 04 05 2f 61 2e 42 2f';
const INSERTION = '40 01 61 01 62';

function newDecoder(): HpackDecoder {
  return new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 1_000, maxFields: 10 });
}

function decode(decoder: HpackDecoder, hex: string): HeaderList {
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decoder.decode(block, 0, block.length);
}

test('the same bytes give the same list object, wherever they lie', () => {
  const decoder = newDecoder();
  const list = decode(decoder, REQUEST);
  const shifted = Buffer.from(`ffff${REQUEST.replaceAll(' ', '')}ff`, 'hex');
  assert.equal(decoder.decode(shifted, 2, shifted.length - 1), list);
  assert.equal(decode(decoder, REQUEST), list);
});

test('bytes that differ anywhere, or in length, give another list', () => {
  const decoder = newDecoder();
  const list = decode(decoder, REQUEST);
  assert.notEqual(decode(decoder, REQUEST.replace('83', '82')), list);
  assert.notEqual(decode(decoder, REQUEST.replace(/2f$/, '2e')), list);
  assert.notEqual(decode(decoder, `${REQUEST} 86`), list);
  assert.notEqual(decode(decoder, REQUEST.replace(/04 05.*$/, '')), list);
});

test('the memo owns its bytes: the caller may reuse its buffer', () => {
  const decoder = newDecoder();
  const block = Buffer.from('8284', 'hex');
  const list = decoder.decode(block, 0, 2);
  block[0] = 0x83;
  assert.notEqual(decoder.decode(block, 0, 2), list);
  assert.equal(decode(decoder, '82 84'), list);
});

for (const [change, hex] of [
  ['an insertion', INSERTION],
  ['a size update', '20'],
  ['an insertion that only evicts', `7e 7f bd 1f ${'76'.repeat(4_156)}`],
] as const) {
  test(`${change} invalidates: the same bytes may mean something else now`, () => {
    const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 10_000, maxFields: 10 });
    decode(decoder, INSERTION);
    const list = decode(decoder, REQUEST);
    const { generation } = decoder;
    decode(decoder, hex);
    assert.notEqual(decoder.generation, generation);
    assert.notEqual(decode(decoder, REQUEST), list);
  });
}

for (const [block, hex] of [
  ['an indexed field', '82 84'],
  ['a literal without indexing', '00 01 61 01 62'],
  ['a literal never indexed', '10 01 61 01 62'],
  ['a size update to the size the table has', '3f e1 1f 82'],
  ['a list that overflows', `82 `.repeat(50)],
] as const) {
  test(`${block} leaves everything valid`, () => {
    const decoder = newDecoder();
    decode(decoder, INSERTION);
    const list = decode(decoder, REQUEST);
    const { generation } = decoder;
    decode(decoder, hex);
    assert.equal(decoder.generation, generation);
    assert.equal(decode(decoder, REQUEST), list);
  });
}

/** A literal without indexing. */
function literalBlock(number: number): string {
  return `00 01 61 02 ${Buffer.from([number >> 6, number & 63]).toString('hex')}`;
}

test('once sixteen blocks are known, a newcomer is kept when it comes again, and one that never does drives out nobody', () => {
  const decoder = newDecoder();
  const known = Array.from({ length: 16 }, (_, number) => decode(decoder, literalBlock(number)));
  for (let number = 16; number < 200; number++) decode(decoder, literalBlock(number));
  for (const [number, list] of known.entries()) assert.equal(decode(decoder, literalBlock(number)), list);
  const first = decode(decoder, literalBlock(200));
  const second = decode(decoder, literalBlock(200));
  assert.notEqual(second, first);
  assert.equal(decode(decoder, literalBlock(200)), second);
});

test('a block that changes the table is decoded each time', () => {
  const decoder = newDecoder();
  assert.notEqual(decode(decoder, INSERTION), decode(decoder, INSERTION));
  assert.equal(decoder.table.length, 2);
});

test('a list that overflowed is not kept', () => {
  const decoder = newDecoder();
  const bomb = '82'.repeat(50);
  const list = decode(decoder, bomb);
  assert.equal(list.overflowedAt, ':method');
  assert.notEqual(decode(decoder, bomb), list);
});

test('a known block is still refused when a size update is due', () => {
  const decoder = newDecoder();
  decode(decoder, REQUEST);
  decoder.setMaxTableSize(0);
  assert.throws(
    () => decode(decoder, REQUEST),
    (error: unknown) => error instanceof ConnectionError && error.token === 'hpack_size_update_missing',
  );
});

/** Blocks of four bytes that differ. */
function numberedBlock(number: number): Buffer {
  const block = Buffer.alloc(4);
  block.writeUInt32BE(number);
  return block;
}

test('sixteen blocks are kept, and those that were used outlive those that were not', () => {
  const memo = new BlockMemo();
  const find = (number: number) => memo.find(0, numberedBlock(number), 0, 4);
  const lists = Array.from({ length: 20 }, () => new HeaderList());
  for (let number = 0; number < 16; number++) memo.store(0, numberedBlock(number), 0, 4, lists[number]);
  for (const number of [0, 2, 15]) assert.equal(find(number), lists[number]);
  for (let number = 16; number < 20; number++) memo.store(0, numberedBlock(number), 0, 4, lists[number]);
  const replaced = [1, 3, 4, 5];
  for (const [number, list] of lists.entries()) {
    assert.equal(find(number), replaced.includes(number) ? undefined : list, `block ${number}`);
  }
});

test('a block in use survives any number of blocks that come once', () => {
  const memo = new BlockMemo();
  const list = new HeaderList();
  memo.store(0, numberedBlock(1), 0, 4, list);
  for (let number = 2; number < 200; number++) {
    assert.equal(memo.find(0, numberedBlock(1), 0, 4), list);
    memo.store(0, numberedBlock(number), 0, 4, new HeaderList());
  }
});

test('blocks that differ in one byte are told apart, whichever was met before', () => {
  for (const length of [8, 200]) {
    const memo = new BlockMemo();
    const blocks = Array.from({ length: 8 }, (_, place) => Buffer.alloc(length).fill(1, place, place + 1));
    const lists = blocks.map(() => new HeaderList());
    for (const [place, block] of blocks.entries()) {
      assert.equal(memo.find(0, block, 0, length), undefined);
      memo.store(0, block, 0, length, lists[place]);
    }
    for (const [place, block] of blocks.entries()) assert.equal(memo.find(0, block, 0, length), lists[place]);
  }
});

test('a block above 2 KiB is not kept', () => {
  const memo = new BlockMemo();
  for (const length of [2_048, 2_049]) {
    const block = Buffer.alloc(length);
    memo.store(0, block, 0, length, new HeaderList());
    assert.equal(memo.find(0, block, 0, length) !== undefined, length === 2_048);
  }
});

test('a buffer passed on to a shorter block does not make it longer', () => {
  const memo = new BlockMemo();
  for (let number = 0; number < 16; number++) memo.store(0, numberedBlock(number), 0, 4, new HeaderList());
  const list = new HeaderList();
  memo.store(0, Buffer.from([1, 2]), 0, 2, list);
  assert.equal(memo.find(0, Buffer.from([1, 2]), 0, 2), list);
  assert.equal(memo.find(0, Buffer.from([1, 2, 0, 0]), 0, 4), undefined);
});
