// The figures of one process: which state of an endpoint is its worst, since when it is known, and when there is a panic.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import { ENDPOINT_LAYOUT, ENDPOINT_STATES, UPSTREAM_LAYOUT } from '../../src/observability/figure-layouts.ts';
import { Pace } from '../../src/observability/pace.ts';
import { figuresOf } from '../../src/plane/plane-figures.ts';
import { PlaneMetrics } from '../../src/plane/plane-metrics.ts';
import type { PlaneFigures } from '../../src/plane/process-figures.ts';
import type { ReportSources } from '../../src/plane/report-sources.ts';
import type { CallTarget } from '../../src/relay/snapshot.ts';
import { http1Upstream } from '../../src/upstreams/http1/http1-upstream.ts';
import { LIMITS } from '../support/local-settings.ts';
import { standIn } from '../support/stand-in.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

const FAULT = { token: 'health_not_serving', sentence: 'It does not serve.' };

function named(name: string): EndpointState {
  return endpointAt({ kind: 'unix', path: `/${name}`, text: name });
}

function startWeb(t: TestContext): CallTarget {
  const web: CallTarget = http1Upstream(
    {
      name: 'web',
      protocol: 'http1',
      balance: 'round-robin',
      endpoints: [named('a'), named('b')],
      connections: { connectTimeoutMs: 1000, max: 1, maxPending: 1 },
      limits: { retries: 0.2 },
    },
    LIMITS,
    NO_UPSTREAM_EVENTS,
  );
  t.after(() => web.destroy('the test is over'));
  return web;
}

function figures(web: CallTarget): Promise<PlaneFigures> {
  const built = new Map([['web', { upstream: web, origin: '', tls: undefined, outliers: undefined }]]);
  const overload = {
    report: {
      connections: { open: 0, refused: 0, most: 1, mostOfAddress: undefined },
      memory: { usedBytes: 1, level: 0 as const, limitBytes: 1 },
      eventLoopDelay: { p50Ms: 0, p99Ms: 0, maxMs: 0 },
    },
  };
  return figuresOf(
    standIn<ReportSources>({
      metrics: new PlaneMetrics(),
      diagnoses: standIn<ReportSources['diagnoses']>({ total: 0 }),
      overload: standIn<ReportSources['overload']>(overload),
      worker: undefined,
      snapshot: () => standIn<ReturnType<ReportSources['snapshot']>>({ built, epoch: 1 }),
      load: () => standIn<ReturnType<ReportSources['load']>>({ calls: 0 }),
      running: () => [],
    }),
    new Pace(),
  );
}

function statesOf({ endpoints }: PlaneFigures): readonly string[] {
  return endpoints.keys.map((_key, row) => ENDPOINT_STATES[ENDPOINT_LAYOUT.read(endpoints, row, 'state')]);
}

test('of several reasons the worst is the state, whichever was given first', async (t) => {
  const web = startWeb(t);
  const [a] = web.endpoints;
  assert.deepEqual(statesOf(await figures(web)), ['in_use', 'in_use']);
  t.mock.getter(a, 'isInDoubt', () => true);
  t.mock.getter(a, 'doubt', () => ({ silentMs: 1, askedMs: 1, endsInMs: 1 }));
  assert.deepEqual(statesOf(await figures(web)), ['silent', 'in_use']);
  t.mock.getter(a, 'lastFailure', () => FAULT);
  assert.deepEqual(statesOf(await figures(web)), ['unreachable', 'in_use']);
  a.exclude('outliers', FAULT);
  assert.deepEqual(statesOf(await figures(web)), ['ejected', 'in_use']);
  a.exclude('health', FAULT);
  const all = await figures(web);
  assert.deepEqual(statesOf(all), ['unhealthy', 'in_use']);
  assert.deepEqual(
    all.said.map(({ key, reasons }) => [key, reasons.map(({ by }) => by)]),
    [['web\na', ['health', 'outliers', 'connecting', 'keepalive']]],
  );
});

test('an endpoint has the age of its object, and at least a millisecond when the clock was set back', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  const web = startWeb(t);
  const ages = async (): Promise<readonly number[]> => {
    const { endpoints } = await figures(web);
    return endpoints.keys.map((_key, row) => ENDPOINT_LAYOUT.read(endpoints, row, 'ageMs'));
  };
  t.mock.timers.setTime(1_005_000);
  assert.deepEqual(await ages(), [5000, 5000]);
  t.mock.timers.setTime(900_000);
  assert.deepEqual(await ages(), [1, 1]);
});

test('when an endpoint was heard and since when it cannot be reached are told by one clock, also when it was set between the two', async (t) => {
  const web = startWeb(t);
  const [a] = web.endpoints;
  const now = { ms: 10_000, epochMs: 1_000_000_000 };
  t.mock.method(performance, 'now', () => now.ms);
  t.mock.method(Date, 'now', () => now.epochMs);
  t.mock.getter(a, 'heardAtMs', () => 9000);
  Reflect.set(a, 'lastFailure', FAULT);
  now.epochMs += 3_600_000;
  const { endpoints } = await figures(web);
  const ageOf = (column: 'heardAtEpochMs' | 'unreachedSinceEpochMs'): number =>
    now.epochMs - ENDPOINT_LAYOUT.read(endpoints, 0, column);
  assert.deepEqual([ageOf('heardAtEpochMs'), ageOf('unreachedSinceEpochMs')], [1000, 0]);
  assert.equal(ENDPOINT_LAYOUT.read(endpoints, 1, 'heardAtEpochMs'), 0);
  assert.equal(ENDPOINT_LAYOUT.read(endpoints, 1, 'unreachedSinceEpochMs'), 0);
});

test('a panic is there from its beginning to its end, and the endpoints stay what they are', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  const web = startWeb(t);
  const panicMs = async (): Promise<number> => {
    const { upstreams } = await figures(web);
    return UPSTREAM_LAYOUT.read(upstreams, 0, 'panicMs');
  };
  assert.equal(await panicMs(), 0);
  for (const endpoint of web.endpoints) endpoint.exclude('health', FAULT);
  t.mock.timers.setTime(1_003_000);
  assert.equal(await panicMs(), 3000);
  const all = await figures(web);
  assert.deepEqual(statesOf(all), ['unhealthy', 'unhealthy']);
  assert.equal(ENDPOINT_LAYOUT.read(all.endpoints, 0, 'usedBy'), 1, 'it gets calls in the panic');
  for (const endpoint of web.endpoints) endpoint.readmit('health');
  assert.equal(await panicMs(), 0);
});
