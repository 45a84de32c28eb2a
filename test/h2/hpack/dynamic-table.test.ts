import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DynamicTable, entrySizeBytes } from '../../../src/h2/hpack/dynamic-table.ts';

/** 34 bytes as an entry: 1 + 1 + 32. */
function insertLetters(table: DynamicTable, letters: string): void {
  for (const letter of letters) table.insert(letter, letter.toUpperCase());
}

function names(table: DynamicTable): string {
  return table
    .entries()
    .map(([name]) => name)
    .join('');
}

test('an entry counts 32 bytes beside its name and value', () => {
  assert.equal(entrySizeBytes('custom-key', 'custom-header'), 55);
});

test('the newest entry is first', () => {
  const table = new DynamicTable(4_096);
  insertLetters(table, 'abc');
  assert.deepEqual(table.entries(), [
    ['c', 'C'],
    ['b', 'B'],
    ['a', 'A'],
  ]);
  assert.equal(table.nameAt(2), 'a');
  assert.equal(table.valueAt(0), 'C');
});

test('the oldest entries make room', () => {
  const table = new DynamicTable(34 * 3);
  insertLetters(table, 'abcde');
  assert.equal(names(table), 'edc');
  assert.equal(table.sizeBytes, 34 * 3);
});

test('order survives growth of the ring after evictions', () => {
  const table = new DynamicTable(34 * 7);
  insertLetters(table, 'abcdefghijkl');
  table.setMaxSize(34 * 20);
  insertLetters(table, 'mnopqrstuvwxyz');
  assert.equal(names(table), 'zyxwvutsrqponmlkjihg');
});

test('an entry as large as the table is its only one', () => {
  const table = new DynamicTable(100);
  insertLetters(table, 'ab');
  table.insert('name', 'v'.repeat(64));
  assert.equal(table.length, 1);
  assert.equal(table.sizeBytes, 100);
});

test('an entry larger than the table empties it and is not kept', () => {
  const table = new DynamicTable(100);
  insertLetters(table, 'ab');
  table.insert('name', 'v'.repeat(65));
  assert.equal(table.length, 0);
  assert.equal(table.sizeBytes, 0);
});

test('a lower maximum evicts, zero evicts everything', () => {
  const table = new DynamicTable(4_096);
  insertLetters(table, 'abcd');
  table.setMaxSize(34 * 2 + 33);
  assert.equal(names(table), 'dc');
  table.setMaxSize(0);
  assert.equal(table.length, 0);
});

test('the generation grows with insertion, eviction and resizing, and with nothing else', () => {
  const table = new DynamicTable(100);
  let last = table.generation;
  const grows = (change: () => void): boolean => {
    change();
    const grew = table.generation > last;
    last = table.generation;
    return grew;
  };
  assert.equal(
    grows(() => insertLetters(table, 'a')),
    true,
  );
  assert.equal(
    grows(() => table.setMaxSize(99)),
    true,
  );
  assert.equal(
    grows(() => table.setMaxSize(99)),
    false,
  );
  assert.equal(
    grows(() => table.entries()),
    false,
  );
  assert.equal(
    grows(() => table.insert('name', 'v'.repeat(100))),
    true,
  );
  assert.equal(
    grows(() => table.insert('name', 'v'.repeat(100))),
    false,
  );
});
