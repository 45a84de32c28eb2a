// When the `retry` of a route has a call sent again, and after which pause.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { failedWith, isRepeated, REFUSED, UNPROCESSED, UNREACHABLE } from '../../src/calls/retry-policy.ts';
import { ConfiguredRetries, retryPolicy } from '../../src/policies/retry-policy.ts';
import { routeConfig } from '../support/route-config.ts';

const CONFIG = {
  attempts: 5,
  on: ['UNAVAILABLE', 'ABORTED'],
  backoffMs: 100,
  maxBackoffMs: 350,
  perTryMs: undefined,
  holdMs: 50,
};
const UNAVAILABLE = failedWith('UNAVAILABLE');

test('a route without retry has no such policy', () => {
  assert.equal(retryPolicy(routeConfig()), undefined);
  assert.equal(retryPolicy(undefined), undefined);
  assert.equal(retryPolicy(routeConfig({ retry: CONFIG }))?.retry?.mostRetries, 4);
});

test('each pause is twice as long as the one before, up to the longest', () => {
  const policy = new ConfiguredRetries(CONFIG, () => 0.5);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((retries) => Math.round(policy.verdict(UNAVAILABLE, retries))),
    [100, 200, 350, 350, -1],
  );
});

test('a pause is 20 % more or less', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(3), (random, retries) => {
      const plain = new ConfiguredRetries(CONFIG, () => 0.5).verdict(UNAVAILABLE, retries);
      const waitMs = new ConfiguredRetries(CONFIG, () => random).verdict(UNAVAILABLE, retries);
      assert.ok(waitMs >= plain * 0.799_999 && waitMs <= plain * 1.200_001);
    }),
  );
});

test('only the statuses of the route are retried', () => {
  const policy = new ConfiguredRetries(CONFIG);
  for (const [status, isRetried] of [
    ['UNAVAILABLE', true],
    ['ABORTED', true],
    ['INTERNAL', false],
    ['OK', false],
    ['', false],
    ['77', false],
  ] as const)
    assert.equal(policy.verdict(failedWith(status), 0) >= 0, isRetried, status);
});

test('the service decides about the pause, within 32 bits', () => {
  const policy = new ConfiguredRetries(CONFIG);
  for (const [pushback, waitMs] of [
    ['0', 0],
    ['7', 7],
    ['2147483647', 2_147_483_647],
    ['2147483648', -1],
    ['99999999999', -1],
    ['-1', -1],
    ['1.5', -1],
    ['1e3', -1],
    [' 1', -1],
    ['', -1],
  ] as const)
    assert.equal(policy.verdict({ ...UNAVAILABLE, pushback }, 0), waitMs, JSON.stringify(pushback));
});

test('what no endpoint has processed is repeated without a policy, and nothing else is', () => {
  assert.deepEqual(
    [UNPROCESSED, REFUSED, UNREACHABLE, UNAVAILABLE].map((end) =>
      [0, 1, 9, 10].map((repeats) => isRepeated(end, repeats)),
    ),
    [
      [true, true, true, false],
      [true, false, false, false],
      [true, true, true, true],
      [false, false, false, false],
    ],
  );
});
