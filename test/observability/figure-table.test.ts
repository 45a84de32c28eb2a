// Tables of figures of several processes, added up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_TABLE, FigureLayout, type FigureTable } from '../../src/observability/figure-table.ts';

const LAYOUT = new FigureLayout({ calls: 'counter', buckets: ['counter', 2], open: 'gauge', delay: 'most' });

function tableOf(rows: Readonly<Record<string, readonly number[]>>): FigureTable {
  return { keys: Object.keys(rows), values: Float64Array.from(Object.values(rows).flat()) };
}

test('counters and gauges of processes are added, and of some columns the largest counts', () => {
  const one = tableOf({ a: [1, 10, 20, 3, 5] });
  const other = tableOf({ a: [2, 11, 21, 4, 2] });
  const sum = LAYOUT.combine([one, other]);
  assert.deepEqual(sum, tableOf({ a: [3, 21, 41, 7, 5] }));
  assert.deepEqual([...one.values], [1, 10, 20, 3, 5], 'what was added stays as it is');
  assert.equal(LAYOUT.read(sum, 0, 'open'), 7);
  assert.deepEqual(LAYOUT.readAll(sum, 0, 'buckets'), [21, 41]);
});

test('processes may know different things, in a different order', () => {
  const one = tableOf({ a: [1, 0, 0, 1, 0], b: [2, 0, 0, 2, 9] });
  const other = tableOf({ b: [20, 0, 0, 20, 3], c: [30, 0, 0, 30, 0] });
  assert.deepEqual(
    LAYOUT.combine([one, EMPTY_TABLE, other]),
    tableOf({ a: [1, 0, 0, 1, 0], b: [22, 0, 0, 22, 9], c: [30, 0, 0, 30, 0] }),
  );
  assert.deepEqual(LAYOUT.combine([]), EMPTY_TABLE);
});

test('only counters stay valid of a process that has ended', () => {
  assert.deepEqual(LAYOUT.countersOf(tableOf({ a: [1, 2, 3, 4, 5] })), tableOf({ a: [1, 2, 3, 0, 0] }));
});

test('rows are picked by their keys', () => {
  const table = tableOf({ a: [1, 0, 0, 0, 0], b: [2, 0, 0, 0, 0], c: [3, 0, 0, 0, 0] });
  assert.deepEqual(
    LAYOUT.pick(table, new Set(['c', 'a', 'x'])),
    tableOf({ a: [1, 0, 0, 0, 0], c: [3, 0, 0, 0, 0] }),
  );
});

test('a row is written in the order of the columns, and a table with rows of another width does not fit', () => {
  const plain = new FigureLayout({ calls: 'counter', open: 'gauge' });
  assert.deepEqual(plain.row({ open: 2, calls: 1 }), [1, 2]);
  assert.ok(plain.fits(tableOf({ a: [1, 2] })));
  assert.ok(!plain.fits(tableOf({ a: [1, 2, 3] })));
});
