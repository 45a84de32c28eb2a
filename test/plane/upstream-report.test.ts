import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import type { BuiltUpstream } from '../../src/plane/build-snapshot.ts';
import {
  type EndpointReport,
  mergeUpstreamReports,
  reportUpstreams,
  type UpstreamReport,
} from '../../src/plane/upstream-report.ts';
import type { CallTarget } from '../../src/relay/snapshot.ts';
import { http1Upstream } from '../../src/upstreams/http1/http1-upstream.ts';
import { LIMITS } from '../support/local-settings.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

const REFUSED = { by: 'connecting', token: 'upstream_connection_refused', sentence: 'a:1 refused.' } as const;

function endpoint(address: string, changes: Partial<EndpointReport> = {}): EndpointReport {
  return {
    address,
    processes: 1,
    usedBy: 1,
    activeCalls: 1,
    heldUp: 2,
    answered: 3,
    unanswered: 1,
    weight: 1,
    weightFrom: 'configuration',
    connections: { ready: 1 },
    reasons: [],
    ...changes,
  };
}

function stateOf(name: string, priority: number, zone: string): EndpointState {
  return { ...endpointAt({ kind: 'unix', path: `/${name}`, text: name }), priority, zone };
}

function upstream(name: string, endpoints: readonly EndpointReport[], pending = 0): UpstreamReport {
  return { name, processes: 1, panics: [], limits: {}, pending, endpoints, leftOut: 0 };
}

test('of several processes counts which could not reach an endpoint last, and which has heard from it last', () => {
  const told = [
    { heardAtEpochMs: 10 },
    { heardAtEpochMs: 30 },
    {},
    { unreachedSinceEpochMs: 20, reasons: [{ ...REFUSED, sinceEpochMs: 20, processes: 1 }] },
    { unreachedSinceEpochMs: 40, reasons: [{ ...REFUSED, sinceEpochMs: 40, processes: 1 }] },
  ];
  const [merged] = mergeUpstreamReports(told.map((one) => [upstream('a', [endpoint('a:1', one)])]));
  const [{ heardAtEpochMs, unreachedSinceEpochMs, reasons }] = merged.endpoints;
  assert.deepEqual([heardAtEpochMs, unreachedSinceEpochMs, reasons[0].sinceEpochMs], [30, 40, 20]);
});

test('what processes say of the same endpoints is added up', () => {
  const one = [upstream('a', [endpoint('a:1'), endpoint('a:2')], 3), upstream('b', [endpoint('b:1')])];
  const other = [upstream('a', [endpoint('a:1', { connections: { ready: 2, draining: 1 } })], 4)];
  const merged = mergeUpstreamReports([one, other]);
  assert.deepEqual(
    merged.map(({ name, pending }) => [name, pending]),
    [
      ['a', 7],
      ['b', 0],
    ],
  );
  assert.deepEqual(merged[0].endpoints[0], {
    address: 'a:1',
    processes: 2,
    usedBy: 2,
    activeCalls: 2,
    heldUp: 4,
    answered: 6,
    unanswered: 2,
    weight: 1,
    weightFrom: 'configuration',
    connections: { ready: 3, draining: 1 },
    heardAtEpochMs: undefined,
    unreachedSinceEpochMs: undefined,
    reasons: [],
  });
  assert.equal(merged[0].endpoints[1].processes, 1);
});

/** What processes say together that say these counts of one endpoint. */
function heldUpOf(...counts: readonly (number | undefined)[]): number | undefined {
  const reports = counts.map((heldUp) => [upstream('a', [endpoint('a:1', { heldUp })])]);
  return mergeUpstreamReports(reports)[0].endpoints[0].heldUp;
}

test('how many calls an endpoint holds up is added up only where it was asked', () => {
  assert.equal(heldUpOf(undefined, undefined), undefined);
  assert.equal(heldUpOf(0, 0), 0);
  assert.equal(heldUpOf(1, 0, 2), 3);
});

test('a panic that several processes have is one, as bad as in the worst of them', () => {
  const panic = { priority: 0, usable: 2, total: 5, sinceEpochMs: 20, processes: 1 };
  const [merged] = mergeUpstreamReports([
    [{ ...upstream('a', []), panics: [panic, { ...panic, priority: 1 }] }],
    [{ ...upstream('a', []), panics: [{ ...panic, usable: 1, sinceEpochMs: 30 }] }],
    [upstream('a', [])],
  ]);
  assert.equal(merged.processes, 3);
  assert.deepEqual(merged.panics, [
    { ...panic, usable: 1, sinceEpochMs: 20, processes: 2 },
    { ...panic, priority: 1 },
  ]);
});

test('how full the limits of several processes are is added up', () => {
  const pending = { used: 1, most: 1024 };
  const [merged] = mergeUpstreamReports([
    [{ ...upstream('a', []), limits: { streams: { used: 4, most: 4 }, pending } }],
    [{ ...upstream('a', []), limits: { streams: { used: 1, most: 4 }, pending } }],
  ]);
  assert.deepEqual(merged.limits, { streams: { used: 5, most: 8 }, pending: { used: 2, most: 2048 } });
});

test('a reason that several give is one, with the earliest times', () => {
  const reasons = [
    [{ ...REFUSED, sinceEpochMs: 20, againInMs: 500, processes: 1 }],
    [{ ...REFUSED, sinceEpochMs: 10, againInMs: 900, processes: 1 }],
    [],
  ];
  const merged = mergeUpstreamReports(
    reasons.map((given) => [
      upstream('a', [endpoint('a:1', { usedBy: given.length === 0 ? 1 : 0, reasons: given })]),
    ]),
  );
  const [{ usedBy, processes, reasons: of }] = merged[0].endpoints;
  assert.deepEqual([usedBy, processes], [1, 3]);
  assert.deepEqual(of, [{ ...REFUSED, sinceEpochMs: 10, againInMs: 500, processes: 2 }]);
});

function startWeb(t: TestContext, settings: { readonly panicShare?: number } = {}): CallTarget {
  const config = {
    name: 'web',
    protocol: 'http1',
    balance: 'round-robin',
    endpoints: [stateOf('a', 0, 'here'), stateOf('b', 0, 'there'), stateOf('c', 1, 'here')],
    preferredZone: 'here',
    connections: { connectTimeoutMs: 1000, max: 1, maxPending: 1 },
    limits: { retries: 0.2 },
    ...settings,
  } as const;
  const web: CallTarget = http1Upstream(config, LIMITS, NO_UPSTREAM_EVENTS);
  t.after(() => web.destroy('the test is over'));
  return web;
}

function builtOf(web: CallTarget): BuiltUpstream {
  return { upstream: web, origin: '', tls: undefined, outliers: undefined };
}

test('an endpoint is used only while calls go there, and if not a sentence says why', (t) => {
  const web = startWeb(t);
  const built = builtOf(web);
  const shown = (): string =>
    reportUpstreams(new Map([['web', built]]))[0]
      .endpoints.map(({ address, usedBy, reasons }) =>
        [address, usedBy, ...reasons.map(({ by, sentence }) => `${by} (${sentence})`)].join(' '),
      )
      .join('\n');
  const zone = 'is on standby: it is in zone there, and the preferred zone takes all calls';
  const priority = 'is on standby: it has priority 1, and those before it can take all calls';
  assert.equal(shown(), `a 1\nb 0 zone (b ${zone})\nc 0 priority (c ${priority})`);
  const [a] = web.endpoints;
  const doubt = t.mock.getter(a, 'isInDoubt', () => true);
  t.mock.getter(a, 'doubt', () => ({ silentMs: 12_000, askedMs: 5000, endsInMs: 10_000 }));
  assert.match(
    shown(),
    /^a 0 keepalive \(a has sent nothing for 12 s, and has not answered the keepalive of 5 s ago: it gets no new calls until it does, and without an answer those that it has end in 10 s\)/,
  );
  doubt.mock.restore();
  a.exclude('health', { token: 'health_not_serving', sentence: 'It does not serve.' });
  assert.match(shown(), /^a 0 health \(It does not serve\.\)\nb 1\nc 1$/);
  web.endpoints[1].exclude('health', { token: 'health_not_serving', sentence: 'It does not serve.' });
  web.endpoints[2].exclude('health', { token: 'health_not_serving', sentence: 'It does not serve.' });
  assert.match(shown(), /^a 1 health/, 'all are used when none is healthy');
  const [{ panics }] = reportUpstreams(new Map([['web', built]]));
  assert.deepEqual(
    panics.map((panic) => [panic.priority, panic.usable, panic.total]),
    [
      [0, 0, 2],
      [1, 0, 1],
    ],
  );
});

test('without panic an endpoint that is kept out is never used', (t) => {
  const web = startWeb(t, { panicShare: 0 });
  for (const one of web.endpoints) one.exclude('health', { token: 'health_not_serving', sentence: 'No.' });
  const [{ endpoints, panics }] = reportUpstreams(new Map([['web', builtOf(web)]]));
  assert.deepEqual([endpoints.map(({ usedBy }) => usedBy), panics], [[0, 0, 0], []]);
});

test('an endpoint that was heard before it could not be reached is not said to be heard since when the clock is set', (t) => {
  const web = startWeb(t);
  const [a] = web.endpoints;
  const now = { ms: 10_000, epochMs: 1_000_000_000 };
  t.mock.method(performance, 'now', () => now.ms);
  t.mock.method(Date, 'now', () => now.epochMs);
  const ages = (): readonly (number | undefined)[] => {
    const [{ endpoints }] = reportUpstreams(new Map([['web', builtOf(web)]]));
    const [{ heardAtEpochMs, unreachedSinceEpochMs }] = endpoints;
    return [heardAtEpochMs, unreachedSinceEpochMs].map((epochMs) => epochMs && now.epochMs - epochMs);
  };
  assert.deepEqual(ages(), [undefined, undefined]);
  const heard = t.mock.getter(a, 'heardAtMs', () => 9000);
  Reflect.set(a, 'lastFailure', REFUSED);
  now.ms += 5000;
  now.epochMs += 5000;
  assert.deepEqual(ages(), [6000, 5000]);
  for (const setByMs of [3_600_000, -7_200_000]) {
    now.epochMs += setByMs;
    assert.deepEqual(ages(), [6000, 5000], `the clock was set by ${setByMs} ms`);
  }
  heard.mock.mockImplementation(() => 12_000);
  assert.deepEqual(ages(), [3000, 5000]);
  Reflect.set(a, 'lastFailure', undefined);
  assert.deepEqual(ages(), [3000, undefined]);
});
