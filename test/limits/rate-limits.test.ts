// What a rate limit of the configuration allows: the burst that limits with `exceed: slow` need to let their whole rate pass.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import { routeConfig } from '../support/route-config.ts';

const LIMIT: RateLimitConfig = {
  kind: 'rate',
  count: 'messages',
  direction: 'request',
  rate: { count: 100, periodMs: 1000 },
  burst: 1,
  by: [],
  exceed: 'slow',
  store: undefined,
};

for (const [what, given, burst] of [
  ['slow', {}, 10],
  ['slow, with a store', { store: 'fleet' }, 25],
  ['slow, with a larger burst', { store: 'fleet', burst: 40 }, 40],
  ['end, with a store', { store: 'fleet', exceed: 'end' }, 1],
] as const)
  test(`the burst of a limit of 100/s: ${what}`, () => {
    const [limit] = rateLimitsOf(routeConfig({ limits: [{ ...LIMIT, ...given }] }));
    assert.deepEqual(limit.allowance, { perMs: 0.1, burst });
  });
