// The figures and the page of framegate top, from texts of metrics.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScreenSize } from '../../src/cli/full-screen.ts';
import { MetricsReading } from '../../src/cli/metrics-reading.ts';
import { quantileMs, topFigures } from '../../src/cli/top-figures.ts';
import { topLines } from '../../src/cli/top-page.ts';

const IN_FLIGHT = { total: 7, blocked: { client: 1, service: 2, framegate: 3 } };

interface Counted {
  readonly route: string;
  readonly ok: number;
  readonly failed?: number;
  /** How many calls took up to 0.1 s, and up to 1 s. */
  readonly buckets?: readonly [number, number];
  readonly listener?: string;
}

function textOf(...counted: readonly Counted[]): string {
  return counted
    .flatMap(({ route, ok, failed = 0, buckets = [0, 0], listener = 'l' }) => {
      const labels = `listener="${listener}",route="${route}",upstream="u"`;
      return [
        `framegate_exchanges_total{${labels},grpc_status="OK"} ${ok}`,
        `framegate_exchanges_total{${labels},grpc_status="UNAVAILABLE"} ${failed}`,
        `framegate_exchange_duration_seconds_bucket{le="0.1",${labels}} ${buckets[0]}`,
        `framegate_exchange_duration_seconds_bucket{le="1",${labels}} ${buckets[1]}`,
        `framegate_exchange_duration_seconds_bucket{le="+Inf",${labels}} ${buckets[1]}`,
      ];
    })
    .join('\n');
}

function endpointLabels(address: string): string {
  return `upstream="u",endpoint="${address}"`;
}

function endpointText(attempts: number, failed: number, responses: number, seconds: number): string {
  return [
    ...['a:1', 'gone:1'].flatMap((address) => [
      `framegate_endpoint_attempts_total{${endpointLabels(address)},outcome="answered"} ${attempts}`,
      `framegate_endpoint_attempts_total{${endpointLabels(address)},outcome="failed"} ${failed}`,
      `framegate_endpoint_attempts_total{${endpointLabels(address)},outcome="timed_out"} ${failed}`,
      `framegate_endpoint_attempts_total{${endpointLabels(address)},outcome="given_up"} ${2 * failed}`,
      `framegate_endpoint_attempts_total{${endpointLabels(address)},outcome="lost"} ${attempts}`,
      `framegate_endpoint_responses_total{${endpointLabels(address)}} ${responses}`,
      `framegate_endpoint_response_seconds_total{${endpointLabels(address)}} ${seconds}`,
    ]),
    `framegate_endpoint_healthy{${endpointLabels('a:1')}} 0`,
    `framegate_endpoint_active_calls{${endpointLabels('a:1')}} 3`,
  ].join('\n');
}

function givenUpText(attempts: number): string {
  return [
    `framegate_endpoint_attempts_total{${endpointLabels('a:1')},outcome="given_up"} ${attempts}`,
    `framegate_endpoint_healthy{${endpointLabels('a:1')}} 1`,
  ].join('\n');
}

function figuresOf(before: string, now: string, seconds = 2) {
  return topFigures(new MetricsReading(before, 1000), new MetricsReading(now, 1000 + seconds * 1000));
}

test('a text of metrics is read, with escapes, and what is none is left out', () => {
  const reading = new MetricsReading(
    '# TYPE a counter\na{x="1",y="a \\"b\\" \\\\ \\n,c=\\"d\\""} 1.5e3\na 2\nb NaN\n{} 7\nnonsense\nc{x=1} 1\n',
    0,
  );
  assert.deepEqual(
    reading.of('a').map(({ labels, value }) => [Object.fromEntries(labels), value]),
    [
      [{ x: '1', y: 'a "b" \\ \n,c="d"' }, 1500],
      [{}, 2],
    ],
  );
  assert.equal(reading.sum('a'), 1502);
  assert.deepEqual(reading.of('b'), []);
});

test('rates are what came between two readings, also after the counters began anew, and of all listeners together', () => {
  const before = textOf({ route: 'a', ok: 100, failed: 5 }, { route: 'b', ok: 1000 });
  const now = textOf(
    { route: 'a', ok: 110, failed: 9 },
    { route: 'a', ok: 6, listener: 'other' },
    { route: 'b', ok: 4 },
    { route: 'c', ok: 0 },
  );
  const { routes, callsPerSecond } = figuresOf(before, now);
  assert.deepEqual(
    routes.map((route) => [route.route, route.callsPerSecond, route.failuresPerSecond, route.failures]),
    [
      ['a', 10, 2, { UNAVAILABLE: 2 }],
      ['b', 2, 0, {}],
      ['c', 0, 0, {}],
    ],
  );
  assert.equal(callsPerSecond, 12);
});

const active = (route: string, upstream: string, calls: number): string =>
  `framegate_route_active_calls{route="${route}",upstream="${upstream}"} ${calls}`;

test('a route on which only long streams run is shown, behind those whose calls end, and one without calls is not', () => {
  const before = textOf({ route: 'quick', ok: 1 }, { route: 'ended', ok: 1 });
  const now = [
    textOf({ route: 'quick', ok: 3 }, { route: 'ended', ok: 1 }),
    active('idle', 'u', 0),
    active('streams', 'u', 5),
    active('streams', 'canary', 7),
    active('quick', 'u', 2),
  ].join('\n');
  const { routes, callsPerSecond } = figuresOf(before, now);
  assert.deepEqual(
    routes.map((one) => [one.route, one.upstream, one.callsPerSecond, one.active]),
    [
      ['quick', 'u', 1, 2],
      ['streams', 'canary', 0, 7],
      ['streams', 'u', 0, 5],
      ['ended', 'u', 0, 0],
    ],
  );
  assert.equal(callsPerSecond, 1);
  const page = { address: 'h:1', time: new Date(), figures: figuresOf('', now), inFlight: IN_FLIGHT };
  const lines = topLines(page, { rows: 24, columns: 100 }, process.stdout);
  const head = lines.find((line) => line.startsWith('ROUTE ')) ?? '';
  const line = lines.find((one) => one.startsWith('streams ')) ?? '';
  assert.match(line, /^streams +canary +0 +0 +7 +- +-$/);
  assert.equal(line[head.indexOf('IN FLIGHT') + 'IN FLIGHT'.length - 1], '7');
});

test('percentiles are of the calls between two readings', () => {
  const before = textOf({ route: 'a', ok: 1000, buckets: [0, 1000] });
  const [{ p50Ms, p99Ms }] = figuresOf(before, textOf({ route: 'a', ok: 1100, buckets: [90, 1100] })).routes;
  assert.ok(p50Ms !== null && Math.abs(p50Ms - 55.6) < 0.1, String(p50Ms));
  assert.ok(p99Ms !== null && Math.abs(p99Ms - 910) < 0.1, String(p99Ms));
  const [quiet] = figuresOf(before, before).routes;
  assert.deepEqual([quiet.p50Ms, quiet.p99Ms], [null, null]);
});

test('a percentile in the last bucket is its lower end, which is all that is known', () => {
  const buckets = [
    { upTo: 1, count: 1 },
    { upTo: Number.POSITIVE_INFINITY, count: 99 },
  ];
  assert.equal(quantileMs(buckets, 0.5), 1000);
  assert.equal(quantileMs([{ upTo: 1, count: 4 }], 1), 1000);
  assert.equal(quantileMs([], 0.5), null);
});

test('from a minute on a percentile is the lower end of its bucket, as in the dashboard', () => {
  const upToMinute = [
    { upTo: 30, count: 0 },
    { upTo: 60, count: 10 },
  ];
  assert.equal(quantileMs(upToMinute, 0.5), 45_000);
  assert.equal(quantileMs([...upToMinute, { upTo: 300, count: 1 }], 0.99), 60_000);
});

test('endpoints are shown with what they do now, and those that a reload has removed are not', () => {
  const { endpoints } = figuresOf(endpointText(10, 1, 10, 5), endpointText(20, 3, 20, 5.5));
  assert.deepEqual(endpoints, [
    {
      upstream: 'u',
      endpoint: 'a:1',
      attemptsPerSecond: 14,
      failuresPerSecond: 2,
      givenUpPerSecond: 2,
      active: 3,
      isHealthy: false,
      meanMs: 50,
    },
  ]);
});

function linesOf(routes: number, endpoints: number, size?: ScreenSize): readonly string[] {
  const names = Array.from({ length: Math.max(routes, endpoints) }, (_, index) => `n${index}`);
  const ends = textOf(...names.slice(0, routes).map((route, index) => ({ route, ok: routes - index })));
  const healthy = names
    .slice(0, endpoints)
    .map((name) => `framegate_endpoint_healthy{upstream="u",endpoint="${name}:1"} 1`);
  const figures = figuresOf('', [ends, ...healthy].join('\n'), 1);
  const time = new Date(2026, 1, 2, 3, 4, 5);
  return topLines({ address: 'h:1', time, figures, inFlight: IN_FLIGHT }, size, process.stdout);
}

test('the page says how many calls each side blocks, and has a line for each route and endpoint', () => {
  const lines = linesOf(2, 1);
  assert.equal(lines[0], 'h:1  03:04:05  3.0 calls/s, 7 in flight, 0 connections of clients');
  assert.equal(lines[1], 'blocked: 1 by their client, 2 by their service, 3 by Framegate');
  assert.match(lines[4], /^n0 +u +2\.0 +0 +0 +- +-$/);
  assert.match(lines.at(-1) ?? '', /^u +n0:1 +0 +0 +0 +0 +-$/);
});

test('a percentile of which only a lower bound is known says so', () => {
  const now = [
    'framegate_exchanges_total{route="a",upstream="u",grpc_status="OK"} 1',
    ...[0, 1, 1].map((count, index) => {
      const le = ['60', '300', '+Inf'][index];
      return `framegate_exchange_duration_seconds_bucket{le="${le}",route="a",upstream="u"} ${count}`;
    }),
  ].join('\n');
  const page = { address: 'h:1', time: new Date(), figures: figuresOf('', now), inFlight: IN_FLIGHT };
  assert.match(topLines(page, undefined, process.stdout).join('\n'), /^a +u .* ≥60\.00 s +≥60\.00 s$/m);
});

test('attempts at a service that hangs are shown as given up, each figure below its heading', () => {
  const page = {
    address: 'h:1',
    time: new Date(),
    figures: figuresOf(givenUpText(0), givenUpText(38)),
    inFlight: IN_FLIGHT,
  };
  for (const columns of [80, 200]) {
    const [head, line] = topLines(page, { rows: 24, columns }, process.stdout).slice(-2);
    const under = (heading: string): string =>
      line.slice(0, head.indexOf(heading) + heading.length).replace(/^.* /, '');
    assert.deepEqual(
      ['ATTEMPTS/S', 'FAILED/S', 'GIVEN UP/S', 'IN FLIGHT', 'ANSWERS IN'].map(under),
      ['19.0', '0', '19.0', '0', '-'],
      `${head}\n${line}`,
    );
  }
});

test('a terminal gets no more lines than it has, the busiest first, and is told how many are missing', () => {
  for (const [routes, endpoints] of [
    [100, 100],
    [100, 1],
    [1, 100],
    [0, 0],
    [10, 3],
  ] as const)
    for (const rows of [10, 24, 50, 300]) {
      const lines = linesOf(routes, endpoints, { rows, columns: 80 });
      assert.ok(lines.length < rows, `${lines.length} lines of ${routes} and ${endpoints} in ${rows} rows`);
      const shown = lines.filter((line) => /^n\d/.test(line)).length;
      const missing = lines.some((line) => line === `… ${routes - shown} more`);
      assert.equal(missing, shown < routes, `${shown} of ${routes} in ${rows} rows`);
      if (routes > 1) assert.match(lines[4], /^n0 /);
    }
});

test('names give no order to the terminal', () => {
  const now = textOf({ route: '\u001b[2J\u009b', ok: 1 });
  const page = { address: 'h:1', time: new Date(), figures: figuresOf('', now), inFlight: IN_FLIGHT };
  for (const line of topLines(page, undefined, process.stdout)) assert.doesNotMatch(line, /\p{Cc}/u);
});

test('no line is longer than the terminal is wide, and figures are shown where there is room for them', () => {
  const route = 'a-route-with-a-name-that-is-longer-than-any-column';
  const text = (ok: number): string =>
    [
      textOf({ route, ok }),
      'framegate_worker_deaths_total 1',
      ...['1', '0'].map(
        (healthy, index) =>
          `framegate_endpoint_healthy{upstream="${route}",endpoint="[2001:db8::${index}]:50051"} ${healthy}`,
      ),
    ].join('\n');
  const page = { address: 'h:1', time: new Date(), figures: figuresOf('', text(5)), inFlight: IN_FLIGHT };
  for (const columns of [1, 20, 40, 79, 80, 120, 200]) {
    const lines = topLines(page, { rows: 24, columns }, process.stdout);
    for (const line of lines) assert.ok(line.length <= Math.max(columns, 8), `${line} in ${columns} columns`);
    if (columns < 80) continue;
    assert.ok(
      lines.some((line) => /^a-route-\S+ +\S+ +2\.5 +0 +0 +- +-$/.test(line)),
      lines.join('\n'),
    );
    assert.ok(
      lines.some((line) => /1\]:50051 +0 +0 +0 +0 +not usable$/.test(line)),
      lines.join('\n'),
    );
  }
  const wide = topLines(page, { rows: 24, columns: 250 }, process.stdout);
  assert.ok(
    wide.some((line) => line.startsWith(route)),
    wide.join('\n'),
  );
});

const dead = (count: number): string => `framegate_worker_deaths_total ${count}`;

test('workers that died since the last look are shown, and those before are not', () => {
  const page = (before: number, now: number): readonly string[] => {
    const figures = figuresOf(dead(before), dead(now));
    return topLines(
      { address: 'a', time: new Date(), figures, inFlight: IN_FLIGHT },
      undefined,
      process.stdout,
    );
  };
  assert.equal(figuresOf(dead(2), dead(3)).workerDeaths, 1);
  assert.match(page(2, 3)[2], /a worker has died since the last look, and its calls with it/);
  assert.match(page(2, 4)[2], /2 workers have died/);
  assert.equal(page(4, 4)[2], '');
});
