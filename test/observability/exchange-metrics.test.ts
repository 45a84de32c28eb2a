// Finished exchanges are counted by what the configuration calls them and by their status, and what still runs counts too.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExchangeRecord, ExchangeSubject, ExchangeTraffic } from '../../src/calls/exchange-record.ts';
import { ExchangeMetrics } from '../../src/observability/exchange-metrics.ts';
import { ROUTE_LAYOUT } from '../../src/observability/figure-layouts.ts';
import { renderMetrics } from '../../src/observability/metrics-text.ts';
import { type MetricSample, samplesOf, sumOf } from '../support/metrics-reader.ts';

const nothing: ExchangeTraffic = {
  requestBytes: 0,
  responseBytes: 0,
  requestMessages: 0,
  responseMessages: 0,
};

function subjectOf(names: Partial<ExchangeSubject> = {}): ExchangeSubject {
  return {
    listener: 'public',
    client: '192.0.2.17:50412',
    clientKey: '',
    clientAddress: '',
    namesOtherClients: false,
    tls: 'TLSv1.3',
    authority: 'grpc.example.com',
    method: '/a.B/C',
    route: 'greeter',
    upstream: 'greeters',
    kept: [],
    ...names,
  };
}

function recordOf(subject: ExchangeSubject, figures: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return {
    subject,
    number: 1,
    endpoint: '10.0.0.11:50051',
    grpcStatus: 'OK',
    httpStatus: 200,
    startedAtEpochMs: 1_750_000_000_000,
    durationMs: 0.75,
    ...nothing,
    attempts: 1,
    endedBy: 'upstream',
    reason: '',
    requestId: '',
    ...figures,
  };
}

async function read(metrics: ExchangeMetrics, running = nothing): Promise<readonly MetricSample[]> {
  return samplesOf(await renderMetrics(metrics.families(running)));
}

test('an exchange is counted by listener, route, upstream and status', async () => {
  const metrics = new ExchangeMetrics();
  const subject = subjectOf();
  metrics.onFinish(recordOf(subject));
  metrics.onFinish(recordOf(subject));
  metrics.onFinish(recordOf(subject, { grpcStatus: 'UNAVAILABLE' }));
  metrics.onFinish(recordOf(subjectOf({ route: 'other' })));
  const samples = await read(metrics);
  assert.deepEqual(
    samples.filter(({ name }) => name === 'framegate_exchanges_total'),
    [
      { route: 'greeter', grpc_status: 'OK', value: 2 },
      { route: 'greeter', grpc_status: 'UNAVAILABLE', value: 1 },
      { route: 'other', grpc_status: 'OK', value: 1 },
    ].map(({ value, ...labels }) => ({
      name: 'framegate_exchanges_total',
      labels: { listener: 'public', upstream: 'greeters', ...labels },
      value,
    })),
  );
});

test('calls of other clients, methods and hosts are counted in the same line', async () => {
  const metrics = new ExchangeMetrics();
  for (let call = 0; call < 500; call++) {
    const subject = subjectOf({
      client: `192.0.2.1:${call}`,
      method: `/a.B/${call}`,
      authority: `${call}.example.com`,
    });
    metrics.onFinish(recordOf(subject, { httpStatus: 200 + call }));
  }
  const totals = (await read(metrics)).filter(({ name }) => name === 'framegate_exchanges_total');
  assert.deepEqual(
    totals.map(({ value }) => value),
    [500],
  );
});

test('what is not gRPC has an empty status; a code that gRPC does not define counts as UNKNOWN', async () => {
  const metrics = new ExchangeMetrics();
  metrics.onFinish(recordOf(subjectOf(), { grpcStatus: '' }));
  for (const grpcStatus of ['99', 'UNKNOWN', 'toString', '"\n']) {
    metrics.onFinish(recordOf(subjectOf(), { grpcStatus }));
  }
  const samples = await read(metrics);
  assert.equal(sumOf(samples, 'framegate_exchanges_total', { grpc_status: '' }), 1);
  assert.equal(sumOf(samples, 'framegate_exchanges_total', { grpc_status: 'UNKNOWN' }), 4);
  assert.equal(sumOf(samples, 'framegate_exchanges_total'), 5);
});

test('durations of a millisecond and of a day have their buckets', async () => {
  const metrics = new ExchangeMetrics();
  const durations = [0, 1, 1.5, 60_000, 7_200_000, 90_000_000, 700_000_000];
  for (const durationMs of durations) metrics.onFinish(recordOf(subjectOf(), { durationMs }));
  const samples = await read(metrics);
  const below = (le: string) => sumOf(samples, 'framegate_exchange_duration_seconds_bucket', { le });
  assert.deepEqual(
    ['0.001', '0.0025', '30', '60', '7200', '28800', '86400', '604800', '+Inf'].map(below),
    [2, 3, 3, 4, 5, 5, 5, 6, 7],
  );
  assert.equal(sumOf(samples, 'framegate_exchange_duration_seconds_sum'), 797_260.0025);
});

test('the time to the first message is counted for exchanges that had one', async () => {
  const metrics = new ExchangeMetrics();
  metrics.onFinish(recordOf(subjectOf(), { firstMessageMs: 3, durationMs: 90_000_000 }));
  metrics.onFinish(recordOf(subjectOf(), { grpcStatus: 'UNAVAILABLE' }));
  const samples = await read(metrics);
  const name = 'framegate_exchange_first_message_seconds';
  assert.equal(sumOf(samples, `${name}_count`), 1);
  assert.equal(sumOf(samples, `${name}_bucket`, { le: '0.0025' }), 0);
  assert.equal(sumOf(samples, `${name}_bucket`, { le: '0.005' }), 1);
});

test('retries are counted by route and upstream', async () => {
  const metrics = new ExchangeMetrics();
  metrics.onFinish(recordOf(subjectOf(), { attempts: 3 }));
  metrics.onFinish(recordOf(subjectOf({ route: 'other' }), { attempts: 1 }));
  const samples = await read(metrics);
  assert.equal(sumOf(samples, 'framegate_retries_total', { route: 'greeter', upstream: 'greeters' }), 2);
  assert.equal(sumOf(samples, 'framegate_retries_total', { route: 'other' }), 0);
});

test('messages, bytes and retries are added up, those of running exchanges too', async () => {
  const metrics = new ExchangeMetrics();
  const traffic = { requestBytes: 10, responseBytes: 2000, requestMessages: 1, responseMessages: 20 };
  metrics.onFinish(recordOf(subjectOf(), traffic));
  metrics.onFinish(recordOf(subjectOf(), { ...traffic, attempts: 3 }));
  metrics.onFinish(recordOf(subjectOf(), { attempts: 0 }));
  const samples = await read(metrics, {
    requestBytes: 5,
    responseBytes: 6,
    requestMessages: 7,
    responseMessages: 8,
  });
  const value = (name: string, direction: string) => sumOf(samples, name, { direction });
  assert.equal(value('framegate_bytes_total', 'request'), 25);
  assert.equal(value('framegate_bytes_total', 'response'), 4006);
  assert.equal(value('framegate_messages_total', 'request'), 9);
  assert.equal(value('framegate_messages_total', 'response'), 48);
  assert.equal(sumOf(samples, 'framegate_retries_total'), 2);
});

test('calls that a route answers itself count by their status, and do not count as failed', async () => {
  const metrics = new ExchangeMetrics();
  const answer = {
    isAnswer: true,
    endedBy: 'framegate',
    reason: 'route_responds: It answers.',
    attempts: 0,
  } as const;
  metrics.onFinish(recordOf(subjectOf(), { ...answer, grpcStatus: 'UNAVAILABLE' }));
  metrics.onFinish(recordOf(subjectOf(), { ...answer, grpcStatus: '', httpStatus: 308 }));
  metrics.onFinish(recordOf(subjectOf(), { grpcStatus: 'UNAVAILABLE' }));
  const of = (column: 'ok' | 'clientFault' | 'failed') => ROUTE_LAYOUT.read(metrics.sum, 0, column);
  assert.deepEqual([of('ok'), of('clientFault'), of('failed')], [1, 1, 1]);
  assert.equal(sumOf(await read(metrics), 'framegate_exchanges_total', { grpc_status: 'UNAVAILABLE' }), 2);
});

test('a client that makes a mistake counts for no route, and does not count as failed', async () => {
  const metrics = new ExchangeMetrics();
  const mistake = {
    isClientMistake: true,
    endedBy: 'framegate',
    reason: 'no: It is wrong.',
    attempts: 0,
  } as const;
  const subject = subjectOf();
  metrics.onFinish(recordOf(subject));
  metrics.onFinish(recordOf(subject, { ...mistake, grpcStatus: 'UNAVAILABLE' }));
  metrics.onFinish(recordOf(subject, { ...mistake, grpcStatus: '', httpStatus: 501 }));
  metrics.onFinish(recordOf(subject));
  const table = metrics.byRoute([]);
  assert.deepEqual(
    table.keys.map((route, row) => [
      route,
      ROUTE_LAYOUT.read(table, row, 'ok'),
      ROUTE_LAYOUT.read(table, row, 'clientFault'),
      ROUTE_LAYOUT.read(table, row, 'failed'),
    ]),
    [
      ['greeter', 2, 0, 0],
      ['', 0, 2, 0],
    ],
  );
  const samples = await read(metrics);
  const ofNone = { listener: 'public', route: '', upstream: '' };
  assert.equal(sumOf(samples, 'framegate_exchanges_total', { ...ofNone, grpc_status: 'UNAVAILABLE' }), 1);
  assert.equal(sumOf(samples, 'framegate_exchanges_total', { route: 'greeter' }), 2);
});

test('figures by route have every exchange once, whichever listener, upstream and status it had', () => {
  const metrics = new ExchangeMetrics();
  metrics.onFinish(recordOf(subjectOf(), { durationMs: 0.5, firstMessageMs: 0.5, attempts: 3 }));
  metrics.onFinish(recordOf(subjectOf({ listener: 'private' }), { durationMs: 2 }));
  metrics.onFinish(recordOf(subjectOf({ upstream: 'others' }), { grpcStatus: 'CANCELLED' }));
  metrics.onFinish(recordOf(subjectOf(), { grpcStatus: 'NOT_FOUND' }));
  metrics.onFinish(recordOf(subjectOf(), { grpcStatus: 'code 77' }));
  metrics.onFinish(recordOf(subjectOf(), { grpcStatus: '', httpStatus: 404 }));
  metrics.onFinish(recordOf(subjectOf({ route: 'other' }), { grpcStatus: '', httpStatus: 502 }));
  const table = metrics.byRoute(['other', 'running']);
  assert.deepEqual(table.keys, ['greeter', 'other', 'running']);
  const rows = table.keys.map((_key, row) =>
    (['ok', 'cancelled', 'clientFault', 'failed', 'retries'] as const).map((column) =>
      ROUTE_LAYOUT.read(table, row, column),
    ),
  );
  assert.deepEqual(rows, [
    [2, 1, 2, 1, 2],
    [0, 0, 0, 1, 0],
    [0, 0, 0, 0, 0],
  ]);
  const durations = ROUTE_LAYOUT.readAll(table, 0, 'durations');
  assert.deepEqual(durations.slice(0, 3), [5, 1, 0], 'up to 1 ms, and up to 2.5 ms');
  assert.equal(ROUTE_LAYOUT.readAll(table, 0, 'firstMessages')[0], 1);
  assert.equal(ROUTE_LAYOUT.read(metrics.sum, 0, 'failed'), 2);
  assert.ok(ROUTE_LAYOUT.fits(table));
});
