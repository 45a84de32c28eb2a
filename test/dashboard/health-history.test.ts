// The health of an endpoint over time, from its changes, and what nobody can know of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUsable } from '../../dashboard/model/endpoint-states.ts';
import { healthSpans } from '../../dashboard/model/health-history.ts';
import type { EndpointChange, EndpointFigures } from '../../src/admin/dashboard-figures.ts';

const time = { nowEpochMs: 100_000, spanMs: 100_000 };

function change(atEpochMs: number, to: EndpointChange['to']): EndpointChange {
  return { atEpochMs, to, processes: 1 };
}

/** One that is known for longer than is shown, and has had calls. */
function endpoint(state: EndpointFigures['state'], others: Partial<EndpointFigures> = {}): EndpointFigures {
  const outcomes = { answered: 1, failed: 0, givenUp: 0, lost: 0, timedOut: 0 };
  const counts = { ...outcomes, responses: 1, responseMs: 1, ejections: 0 };
  const uses = { inFlight: 0, connections: 0, weight: 1 };
  return { endpoint: 'a:1', state, sinceEpochMs: -1, ...uses, ...counts, ...others };
}

test('without a change the state of now was that of before', () => {
  assert.deepEqual(healthSpans([], endpoint('in_use'), time), [{ from: 0, to: 1, kind: 'good' }]);
  assert.deepEqual(healthSpans([], endpoint('unhealthy'), time), [{ from: 0, to: 1, kind: 'bad' }]);
});

test('each change ends a span, and what was before the oldest is its opposite', () => {
  const changes = [change(90_000, 'unreachable'), change(40_000, 'usable')];
  assert.deepEqual(healthSpans(changes, endpoint('unreachable'), time), [
    { from: 0, to: 0.4, kind: 'bad' },
    { from: 0.4, to: 0.9, kind: 'good' },
    { from: 0.9, to: 1, kind: 'bad' },
  ]);
});

test('bad news after bad news is one span, and changes before the time shown do not count', () => {
  const changes = [change(60_000, 'ejected'), change(50_000, 'unreachable'), change(-5, 'usable')];
  assert.deepEqual(healthSpans(changes, endpoint('ejected'), time), [
    { from: 0, to: 0.5, kind: 'good' },
    { from: 0.5, to: 1, kind: 'bad' },
  ]);
});

test('a clock of the proxy that is ahead makes no span outside the strip', () => {
  const ahead = endpoint('unreachable', { sinceEpochMs: 150_000 });
  for (const { from, to } of healthSpans([change(160_000, 'unreachable')], ahead, time))
    assert.ok(from >= 0 && to <= 1);
});

test('before it was there, nothing is known of an endpoint that a reload has added', () => {
  const added = endpoint('in_use', { sinceEpochMs: 70_000 });
  assert.deepEqual(healthSpans([], added, time), [
    { from: 0, to: 0.7, kind: 'unknown' },
    { from: 0.7, to: 1, kind: 'good' },
  ]);
  assert.deepEqual(healthSpans([change(80_000, 'unreachable')], { ...added, state: 'unreachable' }, time), [
    { from: 0, to: 0.7, kind: 'unknown' },
    { from: 0.7, to: 0.8, kind: 'good' },
    { from: 0.8, to: 1, kind: 'bad' },
  ]);
  // It was named before, and its changes of then are known.
  assert.deepEqual(healthSpans([change(20_000, 'usable')], added, time), [
    { from: 0, to: 0.2, kind: 'unknown' },
    { from: 0.2, to: 1, kind: 'good' },
  ]);
});

test('of an endpoint that no call has tried, nothing is known', () => {
  const untried = endpoint('in_use', { answered: 0 });
  assert.deepEqual(healthSpans([], untried, time), [{ from: 0, to: 1, kind: 'unknown' }]);
  assert.equal(healthSpans([change(50_000, 'usable')], untried, time).length, 2);
});

test('an endpoint counts as usable by the rule of framegate status', () => {
  for (const [state, others, usable] of [
    ['in_use', {}, true],
    ['standby', {}, true],
    ['idle', {}, false],
    ['leaving', {}, false],
    ['unhealthy', {}, false],
    ['unhealthy', { usedBy: 1 }, true],
    ['unreachable', { usedBy: 1 }, false],
    ['unreachable', { usedBy: 1, connections: 1 }, false],
    ['unreachable', { usedBy: 1, connections: 1, heardSince: true }, true],
    ['silent', { usedBy: 1 }, true],
  ] as const)
    assert.equal(isUsable(endpoint(state, others)), usable, `${state} ${JSON.stringify(others)}`);
});
