// How many equal lines there may be, and what is remembered of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineBudget } from '../../src/plane/line-budget.ts';

test('what it remembers is bounded, and the oldest is forgotten first', (t) => {
  let nowMs = 1_000_000;
  t.mock.method(performance, 'now', () => nowMs);
  const budget = new LineBudget(20);
  const spendAll = (key: string): number => {
    let lines = 0;
    while (budget.spend(key) === 0) lines++;
    return lines;
  };
  assert.deepEqual([spendAll('first'), spendAll('second')], [20, 20]);
  for (let other = 0; other < 4095; other++) budget.spend(`other ${other}`);
  assert.equal(budget.spend('second'), undefined);
  assert.equal(spendAll('first'), 20, 'it was forgotten, and begins anew');
  nowMs += 59_999;
  assert.equal(budget.spend('other 4094'), 0);
  nowMs += 1;
  assert.equal(budget.spend('first'), 1, 'the one that ended the loop was left out');
});
