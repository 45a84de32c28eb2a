// What the page makes of the messages of the proxy, and its sentences about the connection.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noticesOf } from '../../dashboard/model/connection-sentence.ts';
import { ProxyModel } from '../../dashboard/model/proxy-model.ts';
import { inOrder, routeRows } from '../../dashboard/model/route-rows.ts';
import type { DashboardFigures, DashboardOpening, RouteFigures } from '../../src/admin/dashboard-figures.ts';
import { totalsAt } from './totals.ts';

function opening(startedAtEpochMs = 1000): DashboardOpening {
  return {
    event: 'open',
    startedAtEpochMs,
    version: '1',
    everyMs: 1000,
    bucketBoundsMs: [1, 10],
    history: [],
  };
}

function figures(atEpochMs: number, others: Partial<DashboardFigures> = {}): DashboardFigures {
  const none = { routes: [], upstreams: [], processes: [], workerRestarts: 0, olderEpochs: [] };
  return { event: 'figures', epoch: 1, isReady: true, totals: totalsAt(atEpochMs), ...none, ...others };
}

function route(others: Partial<RouteFigures>): RouteFigures {
  const outcomes = { ok: 0, cancelled: 0, clientFault: 0, failed: 0 };
  const counts = { durations: [0, 0, 0], firstMessages: [0, 0, 0] };
  return {
    route: 'a',
    upstreams: ['u'],
    started: 0,
    inFlight: 0,
    retries: 0,
    ...outcomes,
    ...counts,
    ...others,
  };
}

function openModel(): ProxyModel {
  const model = new ProxyModel();
  model.state({ kind: 'open' });
  model.message(opening());
  return model;
}

test('rates of routes are those of the last ten seconds, and a new route counts from 0', () => {
  const model = openModel();
  model.message(figures(0, { routes: [route({ started: 100, ok: 100 })] }));
  model.message(figures(5000, { routes: [route({ started: 150, ok: 150 })] }));
  model.message(
    figures(15_000, {
      routes: [
        route({ started: 250, ok: 245, failed: 5, durations: [0, 150, 0] }),
        route({ route: 'b', started: 20 }),
      ],
    }),
  );
  const [a, b] = routeRows(model);
  assert.deepEqual([a.perSecond, a.failedPerSecond, a.failedShare, a.p50Ms], [10, 0.5, 0.05, 5.5]);
  assert.deepEqual([b.perSecond, b.failedShare, b.p50Ms], [2, undefined, undefined]);
});

test('rows without a figure come last in either order', () => {
  const rows = [{ n: undefined }, { n: 1 }, { n: 3 }];
  assert.deepEqual(
    inOrder(rows, 'n', true).map(({ n }) => n),
    [3, 1, undefined],
  );
  assert.deepEqual(
    inOrder(rows, 'n', false).map(({ n }) => n),
    [1, 3, undefined],
  );
});

test('a section that a message does not have stays as it was', () => {
  const model = openModel();
  model.message({ event: 'facts', certificates: [], endpoints: { endpoints: [] } });
  model.message({ event: 'facts', endpoints: { endpoints: [], leftOut: 3 } });
  assert.deepEqual(model.facts, { certificates: [], endpoints: { endpoints: [], leftOut: 3 } });
});

test('a paused page shows what it had, and has no gap afterwards', () => {
  const model = openModel();
  let told = 0;
  model.subscribe(() => told++);
  model.pause(true);
  model.message(figures(1000));
  assert.equal(told, 1);
  model.pause(false);
  assert.deepEqual([told, model.totals.points.length], [2, 1]);
});

test('nothing is said while all is well', () => {
  const model = openModel();
  model.message(figures(1000));
  assert.deepEqual(noticesOf(model, 1000), []);
});

test('a lost connection is said with how old the figures are, and when it is tried again', () => {
  const model = openModel();
  model.message(figures(1000));
  model.state({ kind: 'lost', why: 'it has closed the connection', tryAtEpochMs: 13_000 });
  assert.deepEqual(noticesOf(model, 11_000), [
    {
      kind: 'bad',
      sentence: 'The connection to the proxy is lost: it has closed the connection.',
      more: 'The figures are those of 10 s ago. The next try is in 2 s.',
    },
  ]);
});

test('a proxy that drained is not said to be lost', () => {
  const model = openModel();
  const totals = totalsAt(1000, { inFlight: 1 });
  model.message(figures(1000, { isReady: false, whyNotReady: 'draining', totals }));
  assert.deepEqual(
    noticesOf(model, 1000).map(({ sentence, more }) => [sentence, more]),
    [['The proxy drains: it takes no new calls, and ends after its last one.', '1 call still runs.']],
  );
  model.state({ kind: 'lost', why: 'nothing answers at its address', tryAtEpochMs: 2000 });
  assert.equal(noticesOf(model, 1000)[0].sentence, 'The proxy has drained and has ended.');
});

test('a proxy that was started anew has other counters, and the page says so', () => {
  const model = openModel();
  model.message(figures(1000, { routes: [route({ started: 1000 })] }));
  model.message(opening(900_000));
  model.message(figures(901_000, { routes: [route({ started: 1005 })] }));
  assert.match(noticesOf(model, 902_000)[0].sentence, /^The proxy was started anew at \d\d:\d\d:\d\d, /);
  assert.equal(routeRows(model)[0].perSecond, 0);
  assert.equal(model.totals.points.length, 1);
});

test('workers that did not answer are named', () => {
  const model = openModel();
  model.message(figures(1000, { unanswered: [2, 3] }));
  assert.match(noticesOf(model, 1000)[0].sentence, /^Workers 2, 3 did not answer in time/);
});

test('a reload that was refused is said at the top, with the first sentence about it, until one is put to use', () => {
  const model = openModel();
  model.message(figures(1000));
  const reloads = { reloaded: 1, refused: 1, failed: 0 };
  const configuration = { epoch: 2, loadedAtEpochMs: 0, file: 'c.yaml', hash: '', warnings: [] };
  const last = {
    atEpochMs: 1000,
    trigger: 'watch' as const,
    problems: ['c.yaml:1:1 – listeners: no.', 'two'],
  };
  const told = (result: 'reloaded' | 'refused' | 'failed', problems = last.problems) => {
    model.message({
      event: 'facts',
      configuration: { ...configuration, reloads: { ...reloads, last: { ...last, result, problems } } },
    });
    return noticesOf(model, 2000).map(({ sentence }) => sentence.replace(/\d\d:\d\d:\d\d/, 'TIME'));
  };
  assert.deepEqual(told('refused'), [
    'The reload at TIME was refused: c.yaml:1:1 – listeners: no. The configuration of epoch 2 stays in use. There is 1 more problem, listed under Configuration.',
  ]);
  assert.deepEqual(told('failed', []), [
    'The reload at TIME has failed. The configuration of epoch 2 stays in use.',
  ]);
  assert.deepEqual(told('reloaded'), []);
});

test('a proxy that drains without calls says that none runs', () => {
  const model = openModel();
  const draining = { isReady: false, whyNotReady: 'draining' };
  model.message(figures(1000, { ...draining, totals: { ...totalsAt(1000), inFlight: 0 } }));
  assert.equal(noticesOf(model, 1000)[0].more, 'No call runs any more.');
  model.message(figures(2000, { ...draining, totals: { ...totalsAt(2000), inFlight: 1 } }));
  assert.equal(noticesOf(model, 2000)[0].more, '1 call still runs.');
});
