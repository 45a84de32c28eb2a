// A share of the calls of an upstream may be retried at a time, and three may always.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetryBudget } from '../../src/upstreams/retry-budget.ts';

test('of few calls three may be retried, of many their share', () => {
  let calls = 0;
  const budget = new RetryBudget(0.2, () => calls);
  for (const [count, limit] of [
    [0, 3],
    [19, 3],
    [20, 4],
    [1004, 200],
  ] as const) {
    calls = count;
    assert.equal(budget.limit, limit);
  }
});

test('beyond the limit nothing is granted and each refusal is counted, until a call has ended', () => {
  const budget = new RetryBudget(0, () => 100);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => budget.take()),
    [true, true, true, false, false],
  );
  assert.deepEqual([budget.active, budget.refused], [3, 2]);
  assert.match(
    budget.whyRefused('voice'),
    /^Upstream voice has 3 retries, .*limits\.retries: 0% of 100 calls/,
  );
  budget.give();
  assert.equal(budget.take(), true);
});
