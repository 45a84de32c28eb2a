// The health of an endpoint over time, from its changes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthSpans } from '../../dashboard/model/health-history.ts';
import type { EndpointChange } from '../../src/admin/dashboard-figures.ts';

const time = { nowEpochMs: 100_000, spanMs: 100_000 };

function change(atEpochMs: number, to: EndpointChange['to']): EndpointChange {
  return { atEpochMs, to, processes: 1 };
}

test('without a change the state of now was that of before', () => {
  assert.deepEqual(healthSpans([], 'in_use', time), [{ from: 0, to: 1, isGood: true }]);
  assert.deepEqual(healthSpans([], 'unhealthy', time), [{ from: 0, to: 1, isGood: false }]);
});

test('each change ends a span, and what was before the oldest is its opposite', () => {
  const changes = [change(90_000, 'unreachable'), change(40_000, 'usable')];
  assert.deepEqual(healthSpans(changes, 'unreachable', time), [
    { from: 0, to: 0.4, isGood: false },
    { from: 0.4, to: 0.9, isGood: true },
    { from: 0.9, to: 1, isGood: false },
  ]);
});

test('bad news after bad news is one span, and changes before the time shown do not count', () => {
  const changes = [change(60_000, 'ejected'), change(50_000, 'unreachable'), change(-5, 'usable')];
  assert.deepEqual(healthSpans(changes, 'ejected', time), [
    { from: 0, to: 0.5, isGood: true },
    { from: 0.5, to: 1, isGood: false },
  ]);
});

test('a clock of the proxy that is ahead makes no span outside the strip', () => {
  for (const { from, to } of healthSpans([change(160_000, 'unreachable')], 'unreachable', time))
    assert.ok(from >= 0 && to <= 1);
});
