// Metrics of several processes are put together, and come out as text that Prometheus reads.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { EventMetrics } from '../../src/observability/event-metrics.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import {
  counterFamily,
  gaugeFamily,
  type MetricsSnapshot,
  single,
  sumMetrics,
  withoutGauges,
} from '../../src/observability/metrics-snapshot.ts';
import { renderMetrics } from '../../src/observability/metrics-text.ts';
import { familiesOf, samplesOf, sumOf } from '../support/metrics-reader.ts';
import { standIn } from '../support/stand-in.ts';

const tokens = { refusals: [], failures: [], faultLayers: [] };

function workerSnapshot(calls: number, delay: number, expiry: number): MetricsSnapshot {
  const label = { upstream: 'a', endpoint: 'b' };
  return [
    counterFamily('x_calls_total', 'Calls.', [{ labels: label, value: calls }]),
    gaugeFamily('x_connections', 'Connections.', single(calls)),
    gaugeFamily('x_delay_seconds', 'Delay.', single(delay), 'max'),
    gaugeFamily('x_expiry_seconds', 'Expiry.', single(expiry), 'min'),
  ];
}

test('processes are summed up, each family as it says', () => {
  const sum = sumMetrics([workerSnapshot(3, 0.5, 100), workerSnapshot(4, 0.25, 200)]);
  assert.deepEqual(sum, [
    counterFamily('x_calls_total', 'Calls.', [{ labels: { upstream: 'a', endpoint: 'b' }, value: 7 }]),
    gaugeFamily('x_connections', 'Connections.', single(7)),
    gaugeFamily('x_delay_seconds', 'Delay.', single(0.5), 'max'),
    gaugeFamily('x_expiry_seconds', 'Expiry.', single(100), 'min'),
  ]);
});

test('what only one process knows stays as it is, and the snapshots summed up stay as they were', () => {
  const one = [counterFamily('x_total', 'X.', [{ labels: { token: 'a' }, value: 1 }])];
  const other = [
    counterFamily('x_total', 'X.', [
      { labels: { token: 'b' }, value: 2 },
      { labels: { token: 'a' }, value: 4 },
    ]),
    counterFamily('y_total', 'Y.', single(9)),
  ];
  const sum = sumMetrics([one, other]);
  assert.deepEqual(sum, [
    counterFamily('x_total', 'X.', [
      { labels: { token: 'a' }, value: 5 },
      { labels: { token: 'b' }, value: 2 },
    ]),
    counterFamily('y_total', 'Y.', single(9)),
  ]);
  assert.equal(one[0].values[0], 1);
  assert.deepEqual(sumMetrics([]), []);
});

test('a process that has ended keeps what it counted, and nothing else', () => {
  const left = withoutGauges(workerSnapshot(3, 0.5, 100));
  assert.deepEqual(
    left.map(({ name }) => name),
    ['x_calls_total'],
  );
});

function busyMetrics(): MetricsSnapshot {
  const metrics = new Metrics(tokens);
  const subject = standIn<ExchangeSubject>({ listener: 'l', route: 'a "b" \\ c', upstream: 'u', kept: [] });
  const record = { subject, grpcStatus: 'OK', durationMs: 3, attempts: 1 };
  const traffic = { requestBytes: 1, responseBytes: 2, requestMessages: 3, responseMessages: 4 };
  metrics.exchanges.onFinish(standIn<ExchangeRecord>({ ...record, ...traffic }));
  metrics.events.violation('upstream', 'too_many_pings');
  return [...metrics.families(traffic)];
}

test('what a process has counted goes through structured clone unchanged', () => {
  const snapshot = busyMetrics();
  assert.deepEqual(structuredClone(snapshot), snapshot);
});

test('histograms of several processes are still histograms', async () => {
  const text = await renderMetrics(sumMetrics([busyMetrics(), busyMetrics(), busyMetrics()]));
  const samples = samplesOf(text);
  assert.equal(sumOf(samples, 'framegate_exchange_duration_seconds_count'), 3);
  assert.equal(sumOf(samples, 'framegate_exchange_duration_seconds_bucket', { le: '0.0025' }), 0);
  assert.equal(sumOf(samples, 'framegate_exchange_duration_seconds_bucket', { le: '0.005' }), 3);
});

test('names of the configuration are escaped in the text', async () => {
  const samples = samplesOf(await renderMetrics(busyMetrics()));
  assert.equal(sumOf(samples, 'framegate_exchanges_total', { route: 'a "b" \\ c' }), 1);
});

test('every family has its help, its type and a name of ours or of the process', async () => {
  for (const { name, help } of familiesOf(await renderMetrics(busyMetrics()))) {
    assert.match(name, /^(framegate|process)_[a-z0-9_]+$/);
    assert.match(help, /\.$/, `${name} says what it is in a sentence`);
  }
});

test('the process tells its processor time, memory and descriptors', async () => {
  const samples = samplesOf(await renderMetrics(busyMetrics()));
  const value = (name: string) => sumOf(samples, name) ?? Number.NaN;
  assert.ok(value('process_cpu_seconds_total') > 0);
  assert.ok(value('process_resident_memory_bytes') > 1_000_000);
  assert.ok(Math.abs(value('process_start_time_seconds') * 1000 - performance.timeOrigin) < 1);
});

test('descriptors are counted where the platform tells them', { skip: process.platform !== 'linux' }, () => {
  const values = new Map(busyMetrics().map(({ name, values: [first] }) => [name, first ?? 0]));
  const open = values.get('process_open_fds') ?? 0;
  const most = values.get('process_max_fds') ?? 0;
  assert.ok(open >= 3 && open <= most, `${open} of ${most}`);
});

test('every refusal, violation and failure is counted, by its token and side', async () => {
  const events = new EventMetrics({
    refusals: ['first_bytes_timeout'],
    failures: ['no_route'],
    faultLayers: [],
  });
  for (let count = 0; count < 3; count++) events.violation('downstream', 'window_overflow');
  events.violation('upstream', 'window_overflow');
  events.refused('tls_handshake_timeout');
  events.failed('deadline_exceeded');
  events.endpointFailed('voice', '127.0.0.1:1', 'upstream_connection_refused');
  const samples = samplesOf(await renderMetrics([...events.families()]));
  const value = (name: string, labels: Readonly<Record<string, string>>) => sumOf(samples, name, labels);
  assert.equal(value('framegate_protocol_errors_total', { side: 'downstream', token: 'window_overflow' }), 3);
  assert.equal(value('framegate_protocol_errors_total', { side: 'upstream', token: 'window_overflow' }), 1);
  assert.equal(value('framegate_refused_clients_total', { diagnosis: 'tls_handshake_timeout' }), 1);
  assert.equal(value('framegate_refused_clients_total', { diagnosis: 'first_bytes_timeout' }), 0);
  assert.equal(value('framegate_failures_total', { token: 'deadline_exceeded' }), 1);
  assert.equal(value('framegate_failures_total', { token: 'no_route' }), 0);
  const endpoint = { upstream: 'voice', endpoint: '127.0.0.1:1', token: 'upstream_connection_refused' };
  assert.equal(value('framegate_endpoint_failures_total', endpoint), 1);
});

test('a family in which nothing was counted yet is told of all the same', async () => {
  const text = await renderMetrics([counterFamily('x_total', 'X.', [])]);
  assert.deepEqual(familiesOf(text), [{ name: 'x_total', help: 'X.', type: 'counter', samples: [] }]);
});
