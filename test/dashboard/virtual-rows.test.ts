// Which rows of a long table are elements.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowWindow } from '../../dashboard/model/virtual-rows.ts';

test('rows in view and some beside them are rendered, and the height stays that of all rows', () => {
  for (const scrolledPx of [0, 1, 4000, 399_540, 1_000_000, -40]) {
    const { first, end, topPx, bottomPx } = rowWindow({ rows: 10_000, rowPx: 40, scrolledPx, viewPx: 460 });
    const inView = Math.min(Math.max(0, scrolledPx), 10_000 * 40 - 460);
    assert.ok(end - first <= 29, `${end - first} rows at ${scrolledPx}`);
    assert.ok(first * 40 <= inView && end * 40 >= inView + 460, `rows ${first} to ${end} at ${scrolledPx}`);
    assert.equal(topPx + (end - first) * 40 + bottomPx, 10_000 * 40);
  }
});

test('a table that became shorter shows its last rows, and an empty one none', () => {
  assert.deepEqual(rowWindow({ rows: 3, rowPx: 40, scrolledPx: 90_000, viewPx: 460 }), {
    first: 0,
    end: 3,
    topPx: 0,
    bottomPx: 0,
  });
  assert.equal(rowWindow({ rows: 0, rowPx: 40, scrolledPx: 0, viewPx: 40 }).end, 0);
});
