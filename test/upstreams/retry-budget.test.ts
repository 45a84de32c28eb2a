// A share of the calls of an upstream may be retried at a time, and twenty may always. Several clients share what may.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientShares } from '../../src/upstreams/client-shares.ts';
import { RetryBudget } from '../../src/upstreams/retry-budget.ts';

test('of few calls twenty may be retried, of many their share', () => {
  let calls = 0;
  const budget = new RetryBudget(
    0.2,
    () => calls,
    () => false,
  );
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
  const budget = new RetryBudget(
    0,
    () => 100,
    () => false,
  );
  const client = new ClientShares(1, () => 100).holdingOf('192.0.2.1', undefined, false);
  let granted = 0;
  while (budget.take(client)) granted++;
  assert.equal(budget.take(client), false);
  budget.refuse('voice', client);
  assert.deepEqual([granted, budget.active, budget.refused], [20, 20, 1]);
  assert.match(
    budget.refuse('voice', client),
    /^Upstream voice has 20 retries, .*limits\.retries: 0% of 100 calls/,
  );
  budget.give(client);
  assert.equal(budget.take(client), true);
});

test('of clients that call one after the other each may have its share of the retries, and no more', () => {
  const shares = new ClientShares(100, () => Number.POSITIVE_INFINITY, 0.2);
  const [first, second, third] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((key) =>
    shares.holdingOf(key, undefined, false),
  );
  for (const client of [first, second]) client.take();
  const take = (client: typeof first): number => {
    while (shares.retries.take(client));
    return client.retries;
  };
  assert.equal(take(first), 10);
  assert.match(
    shares.retries.refuse('voice', first),
    /^10 calls of this client are retried at upstream voice, which is its share of 20/,
  );
  for (let count = 0; count < 5; count++) assert.equal(shares.retries.take(second), true);
  assert.equal(take(third), 5);
  for (let count = 0; count < 5; count++) shares.retries.give(first);
  assert.equal(take(first), 6);
  assert.equal(take(second), 6);
});

test('a client that is alone may have all retries, and so may what stands for many', () => {
  for (const speaksForMany of [false, true]) {
    const shares = new ClientShares(100, () => Number.POSITIVE_INFINITY, 0.2);
    const client = shares.holdingOf(speaksForMany ? '' : '192.0.2.1', undefined, speaksForMany);
    if (speaksForMany) shares.holdingOf('192.0.2.1', undefined, false).take();
    client.take();
    while (shares.retries.take(client));
    assert.equal(client.retries, 20);
  }
});
