// A share of the calls of an upstream may be retried at a time, and twenty may always.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetryBudget } from '../../src/upstreams/retry-budget.ts';

test('of few calls twenty may be retried, of many their share', () => {
  let calls = 0;
  const budget = new RetryBudget(0.2, () => calls);
  for (const [count, limit] of [
    [0, 20],
    [104, 20],
    [105, 21],
    [1004, 200],
  ] as const) {
    calls = count;
    assert.equal(budget.limit, limit);
  }
});

test('beyond the limit nothing is granted and each refusal is counted, until a call has ended', () => {
  const budget = new RetryBudget(0, () => 100);
  let granted = 0;
  while (budget.take()) granted++;
  assert.equal(budget.take(), false);
  assert.deepEqual([granted, budget.active, budget.refused], [20, 20, 2]);
  assert.match(
    budget.whyRefused('voice'),
    /^Upstream voice has 20 retries, .*limits\.retries: 0% of 100 calls/,
  );
  budget.give();
  assert.equal(budget.take(), true);
});
