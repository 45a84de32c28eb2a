// The counts of all limits of a process across configurations, and what the primary process adds up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import { QuotaLedger } from '../../src/limits/quota-ledger.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import { routeConfig } from '../support/route-config.ts';
import { storeConfig } from '../support/store-config.ts';

const LIMIT: RateLimitConfig = {
  kind: 'rate',
  count: 'calls',
  direction: 'both',
  rate: { count: 1, periodMs: 1000 },
  burst: 5,
  by: [{ kind: 'client' }],
  exceed: 'refuse',
};

test('limits of a route that count the same have different counts', () => {
  const ids = rateLimitsOf(routeConfig({ limits: [LIMIT, { ...LIMIT, burst: 9 }] })).map(({ id }) => id);
  assert.equal(new Set(ids).size, 2);
});

test('a limit that a configuration does not have any more is forgotten, and one that stays goes on counting', () => {
  const quotas = new Quotas(() => 1000);
  const route = routeConfig({ limits: [LIMIT] });
  const [limit] = rateLimitsOf(route);
  quotas.quotaOf(limit).take('client', 3);
  quotas.use([route]);
  assert.equal(quotas.quotaOf(limit).left('client'), 2);
  quotas.use([]);
  assert.equal(quotas.quotaOf(limit).left('client'), 5);
  quotas.close();
});

test('a limit that is tried and then holds goes on counting, and has a line of its own in the metrics while it is tried', () => {
  const quotas = new Quotas(() => 1000);
  const lines: string[] = [];
  quotas.onTried = (route, limit, calls) => lines.push(`${route}: ${limit} (${calls})`);
  quotas.onRefused = ({ route }, calls) => lines.push(`${route} refuses (${calls})`);
  const tried = routeConfig({ name: 'voice', limits: [{ ...LIMIT, dryRun: true }] });
  quotas.use([tried]);
  const [limit] = rateLimitsOf(tried);
  quotas.quotaOf(limit).take('client', 3);
  assert.deepEqual(lines.splice(0), ['voice: calls 1/s by client (0)']);
  const held = routeConfig({ name: 'voice', limits: [LIMIT] });
  quotas.use([held]);
  assert.equal(quotas.quotaOf(rateLimitsOf(held)[0]).left('client'), 2);
  assert.deepEqual(lines, ['voice refuses (0)']);
  quotas.close();
});

test('who counts the waits of a limit that paces is asked when its configuration is put to use, or when a call has waited', () => {
  const quotas = new Quotas(() => 1000);
  const told: string[] = [];
  quotas.onPacing = ({ limit: { burst } }) => {
    told.push(`limit of ${burst}`);
    return (waitedMs) => told.push(`${waitedMs} ms for ${burst}`);
  };
  const slow: RateLimitConfig = { ...LIMIT, count: 'messages', exceed: 'slow' };
  const route = routeConfig({ limits: [LIMIT, { ...slow, exceed: 'end' }, slow, { ...slow, burst: 7 }] });
  const limits = rateLimitsOf(route);
  const [five, seven] = [2, 3].map((index) => quotas.pacedBy(limits[index]));
  assert.deepEqual(told, [], 'the configuration may be discarded');
  quotas.use([route]);
  assert.deepEqual(told.splice(0), ['limit of 5', 'limit of 7']);
  five?.(20);
  five?.(40);
  seven?.(60);
  assert.deepEqual(told, ['limit of 5', '20 ms for 5', '40 ms for 5', 'limit of 7', '60 ms for 7']);
  quotas.close();
});

test('a limit of bytes that paces after a reload holds nothing that streams of before have announced', () => {
  const quotas = new Quotas(() => 1000);
  const [ending, pacing] = (['end', 'slow'] as const).map((exceed) =>
    routeConfig({ limits: [{ ...LIMIT, count: 'bytes', exceed }] }),
  );
  const before = quotas.quotaOf(rateLimitsOf(ending)[0]);
  quotas.use([ending]);
  before.take('client', LIMIT.burst);
  before.announce?.('client', LIMIT.burst);
  const after = quotas.quotaOf(rateLimitsOf(pacing)[0]);
  quotas.use([pacing]);
  assert.equal(after.take('client', 1), 0);
  assert.notEqual(before.take('client', 1), 0, 'and streams of before keep their limit');
  quotas.close();
});

test('the failure of a store applies as soon as the configuration does', () => {
  const quotas = new Quotas(() => 1000);
  const route = routeConfig({ limits: [{ ...LIMIT, store: 'fleet' }] });
  const quota = quotas.quotaOf(rateLimitsOf(route)[0]);
  for (const [failure, waitMs] of [
    ['closed', 1000],
    ['open', 0],
  ] as const) {
    quotas.use([route], [{ ...STORE, failure }]);
    assert.equal(quota.take('client', 1), waitMs);
  }
  quotas.close();
});

const STORE = storeConfig();

test('a report that says that less than nothing has gone back counts as if nothing had', () => {
  const ledger = new QuotaLedger(() => 1000);
  const route = routeConfig({ limits: [LIMIT] });
  ledger.use([route]);
  const report = {
    report: 1,
    limits: rateLimitsOf(route).map(({ id }) => id),
    keys: ['client'],
    clients: [undefined],
    counts: Float64Array.of(2),
    goneBack: Float64Array.of(-3),
    announced: Float64Array.of(0),
  };
  assert.deepEqual([...ledger.add({}, report).used], [2]);
});
