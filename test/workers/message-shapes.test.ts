import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import type { EndpointUpdate } from '../../src/config/endpoint-update.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import {
  ENDPOINT_LAYOUT,
  ROUTE_LAYOUT,
  TOTALS_LAYOUT,
  UPSTREAM_LAYOUT,
} from '../../src/observability/figure-layouts.ts';
import type { FigureLayout, FigureTable } from '../../src/observability/figure-table.ts';
import type { PlaneFigures } from '../../src/plane/process-figures.ts';
import { helloVersion, isFromWorker, isToWorker } from '../../src/workers/message-shapes.ts';
import type { FromWorker, ToWorker } from '../../src/workers/messages.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

const place = { socket: 1, address: '127.0.0.1:8443', port: 8443 };
const unixPlace = { socket: 2, address: 'unix:/run/a', port: undefined };

const REASON = { sentence: 'No TLS.', detail: 'x', count: 1, lastAtEpochMs: 1 };
const CLIENT = { library: 'grpc-go', version: '1.66.2', connections: 1, lastAtEpochMs: 1 };

const EXEMPLAR = {
  key: '_bucket{le="1"}',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  value: 0.5,
  atMs: 1.5,
};

function metricsWith<Exemplar>(exemplar: Exemplar) {
  const head = { name: 'a', help: 'b', type: 'histogram', aggregator: 'sum', keys: EXEMPLAR.key } as const;
  return [{ ...head, values: Float64Array.of(1), exemplars: [exemplar] }];
}

function rowOf(layout: FigureLayout<string>): FigureTable {
  return { keys: ['a'], values: new Float64Array(layout.width) };
}

const figures: PlaneFigures = {
  totals: rowOf(TOTALS_LAYOUT),
  routes: rowOf(ROUTE_LAYOUT),
  endpoints: rowOf(ENDPOINT_LAYOUT),
  upstreams: rowOf(UPSTREAM_LAYOUT),
  said: [{ key: 'a', reasons: [{ by: 'health', token: 'a', sentence: 'b', processes: 1 }] }],
  epochs: [{ epoch: 1, calls: 2 }],
  processes: [{ worker: 1, pid: 7, state: 'serving', epoch: 1 }],
};

/** As the channel does it (`serialization: 'advanced'`). */
function sent(message: unknown): unknown {
  return deserialize(serialize(message));
}

const QUOTA_REPORT = {
  report: 1,
  limits: ['voice', 'voice'],
  keys: ['192.0.2.1', 'blue'],
  clients: [undefined, '192.0.2.1'],
  counts: Float64Array.of(3, -1),
  goneBack: Float64Array.of(250, 0.5),
  announced: Float64Array.of(-2, 4),
};

test('every message of the primary arrives as one', async () => {
  const config = configOf(await proxyConfigText({}));
  const assignment = { config, epoch: 1, places: [place, unixPlace], workers: 2 };
  const update: EndpointUpdate = {
    upstream: 'voice',
    version: 3,
    endpoints: [
      {
        address: { kind: 'tcp', host: '127.0.0.1', port: 1, text: '127.0.0.1:1' },
        weight: 2,
        priority: 1,
        zone: 'a',
      },
      { address: { kind: 'unix', path: '/run/a', text: 'unix:/run/a' }, weight: 1, priority: 0 },
    ],
  };
  const endpoints = [update];
  const reason = { token: 'health_not_serving', sentence: 'It does not serve.' };
  const health = [
    {
      upstream: 'voice',
      endpoints: [
        { address: '127.0.0.1:1', reason, recoveries: 0 },
        { address: 'unix:/run/a', reason: undefined, recoveries: 2 },
      ],
    },
  ];
  const weights = [{ upstream: 'voice', endpoints: [{ address: '127.0.0.1:1', weight: 12.5 }] }];
  const keys = [
    { source: 'https://id.example.com/jwks.json', keys: [{ kty: 'RSA', kid: 'one', n: 'AQAB', e: 'AQAB' }] },
    { source: '/etc/jwks.json', keys: [], problem: 'is no JSON' },
  ];
  const stores = [{ store: 'fleet', isUp: true, holders: 3 }];
  const leases = { granted: [1, 0], waitMs: [0, 20], room: [5, 0] };
  const query = { kinds: ['start', 'end'], method: '/a.B/*', failed: true, rate: 1000 } as const;
  const subscriptions = [{ subscription: 3, query }];
  const known = { endpoints, health, weights, keys, stores, subscriptions };
  const messages: readonly ToWorker[] = [
    { type: 'start', version: 1, worker: 1, assignment, ...known, ticketKeys: Buffer.alloc(48) },
    { type: 'connection', connection: 7, socket: 1 },
    { type: 'prepare', change: 3, assignment },
    { type: 'prepareTls', change: 4, kind: 'listener', name: 'tls' },
    { type: 'commit', change: 4, places: [place], endpoints },
    { type: 'discard', change: 4 },
    { type: 'ask', question: 1, topic: 'metrics' },
    { type: 'ask', question: 1, topic: 'totals' },
    { type: 'ask', question: 1, topic: 'figures' },
    { type: 'ask', question: 1, topic: 'upstreams', upstreams: { heldUp: true } },
    { type: 'ask', question: 1, topic: 'exchanges', query: { sort: 'age', limit: 1, state: 'streaming' } },
    {
      type: 'ask',
      question: 1,
      topic: 'exchanges',
      query: { sort: 'bytes', limit: 1000, blocked: 'client', minAgeMs: 5, after: { key: -1.5, id: 'a' } },
    },
    { type: 'subscribe', subscription: 3, query },
    { type: 'subscribe', subscription: 3, query: { kinds: ['attempt'], minDurationMs: 1.5, rate: 1 } },
    { type: 'unsubscribe', subscription: 3 },
    { type: 'ticketKeys', keys: Buffer.alloc(48) },
    { type: 'endpoints', update },
    { type: 'health', update: health[0] },
    { type: 'weights', update: weights[0] },
    { type: 'keys', update: keys[0] },
    { type: 'storeState', state: stores[0] },
    { type: 'leaseAnswer', answer: { number: 1, leases } },
    { type: 'leaseAnswer', answer: { number: 1 } },
    { type: 'drain' },
  ];
  for (const message of messages) assert.ok(isToWorker(sent(message)), message.type);
});

test('every message of a worker arrives as one', () => {
  const tls = [
    {
      kind: 'listener',
      name: 'tls',
      files: ['a.crt', 'a.key'],
      certificates: [{ file: 'a.crt', der: Buffer.from('der'), staple: undefined }],
    },
  ] as const;
  const messages: readonly FromWorker[] = [
    { type: 'hello', version: 1 },
    { type: 'serving', tls },
    {
      type: 'failed',
      message: 'no',
      findings: [{ severity: 'error', path: ['a'], at: 'value', message: 'no' }],
    },
    { type: 'load', streams: 3, taken: [1, 2], closed: [] },
    { type: 'prepared', change: 1, outcome: 'same', message: '', findings: [] },
    { type: 'committed', change: 1, tls },
    {
      type: 'answer',
      question: 1,
      body: { diagnoses: { counts: {}, recent: [], reasons: { a: [REASON] } } },
    },
    {
      type: 'answer',
      question: 1,
      body: { diagnoses: { counts: {}, recent: [], reasons: {}, clients: [CLIENT] } },
    },
    {
      type: 'answer',
      question: 1,
      body: {
        exchanges: { total: 2, matching: 1, exchanges: [], keys: [-1.5], end: { key: -1.5, id: 'a' } },
      },
    },
    { type: 'answer', question: 1, body: { metrics: metricsWith(EXEMPLAR) } },
    { type: 'answer', question: 1, body: { totals: rowOf(TOTALS_LAYOUT) } },
    { type: 'answer', question: 1, body: { figures } },
    {
      type: 'endpointChanges',
      changes: [
        { upstream: 'voice', endpoint: '127.0.0.1:1', to: 'ejected', sentence: 'It fails.', atEpochMs: 1 },
        { upstream: 'voice', endpoint: '127.0.0.1:1', to: 'usable', sentence: undefined, atEpochMs: 2 },
      ],
    },
    { type: 'diagnosed', report: new DiagnosisRing().report() },
    { type: 'spans', lines: '[]\n', count: 1, dropped: 0, limited: 2 },
    { type: 'lastWords', address: '::1', port: 4711 },
    { type: 'connectFailed', upstream: 'voice' },
    {
      type: 'leaseAsk',
      ask: {
        number: 1,
        store: 'a',
        limit: 'b',
        ratePerSecond: 0.5,
        burst: 9,
        keys: ['c'],
        owed: [0.5],
        least: [0],
        wanted: [1],
      },
    },
    { type: 'outage', upstream: 'voice', news: { state: 'out', why: { token: 'a', sentence: 'b' } } },
    { type: 'outage', upstream: 'voice', news: { state: 'back', refused: 3 } },
    { type: 'quotaReport', ...QUOTA_REPORT },
    { type: 'events', subscription: 3, events: ['{}'], dropped: 7 },
    { type: 'farewell', answers: { metrics: [], diagnoses: { counts: {}, recent: [], reasons: {} } } },
  ];
  for (const message of messages) assert.ok(isFromWorker(sent(message)), message.type);
});

test('what another program would send is no message', () => {
  const strangers: readonly unknown[] = [
    undefined,
    null,
    'drain',
    42,
    [],
    {},
    { type: 'unheard of' },
    { type: 'toString' },
    { type: 'connection', connection: '7', socket: 1 },
    { type: 'connection', connection: -1, socket: 1 },
    { type: 'commit', change: 1, places: [{ socket: 1, address: 8443 }] },
    { type: 'ask', question: 1, topic: 'secrets' },
    { type: 'ask', question: 1, topic: 'upstreams', upstreams: { heldUp: 1 } },
    { type: 'ask', question: 1, topic: 'exchanges', query: { sort: 'size', limit: 1 } },
    { type: 'subscribe', subscription: 3, query: { kinds: ['middle'], rate: 1 } },
    { type: 'events', subscription: 3, events: [{}], dropped: 0 },
    {
      type: 'ask',
      question: 1,
      topic: 'exchanges',
      query: { sort: 'age', limit: 1, after: { key: Number.NaN, id: '' } },
    },
    { type: 'endpoints', update: { upstream: 'voice', version: 1, endpoints: [{ address: '127.0.0.1:1' }] } },
    { type: 'health', update: { upstream: 'voice', endpoints: [{ address: '127.0.0.1:1', reason: 'no' }] } },
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1'].map((weight) => ({
      type: 'weights',
      update: { upstream: 'voice', endpoints: [{ address: '127.0.0.1:1', weight }] },
    })),
    { type: 'outage', upstream: 'voice', news: { state: 'out', refused: 1 } },
    { type: 'outage', upstream: 'voice', news: { state: 'back' } },
    // A row that is too short would be read as the beginning of the next.
    { type: 'answer', question: 1, body: { totals: rowOf(UPSTREAM_LAYOUT) } },
    { type: 'answer', question: 1, body: { figures: { ...figures, routes: rowOf(UPSTREAM_LAYOUT) } } },
    { type: 'answer', question: 1, body: { figures: { ...figures, processes: [{}] } } },
    { type: 'endpointChanges', changes: [{ upstream: 'a', endpoint: 'b', to: 'gone', atEpochMs: 1 }] },
    { type: 'diagnosed', report: { counts: {}, recent: [{}] } },
    { type: 'spans', lines: ['[]'], count: 1, dropped: 0, limited: 0 },
    { type: 'load', streams: 1, taken: [1.5], closed: [] },
    { type: 'quotaAnswer', report: 1, used: [1], announced: Float64Array.of(1) },
    { type: 'quotaAnswer', report: 1, used: Float64Array.of(Number.NaN), announced: Float64Array.of(1) },
    { type: 'quotaAnswer', report: 1, used: Float64Array.of(1) },
    { type: 'quotaReport', ...QUOTA_REPORT, counts: Float64Array.of(Number.POSITIVE_INFINITY, 1) },
    ...Object.keys(QUOTA_REPORT).map((name) => ({ type: 'quotaReport', ...QUOTA_REPORT, [name]: 'a' })),
    ...Object.keys(CLIENT).map((name) => ({
      type: 'answer',
      question: 1,
      body: {
        diagnoses: { counts: {}, recent: [], reasons: {}, clients: [{ ...CLIENT, [name]: undefined }] },
      },
    })),
    { type: 'answer', question: 1, body: { diagnoses: { counts: {}, recent: [] } } },
    ...Object.keys(REASON).map((name) => ({
      type: 'answer',
      question: 1,
      body: { diagnoses: { counts: {}, recent: [], reasons: { a: [{ ...REASON, [name]: {} }] } } },
    })),
    ...Object.keys(EXEMPLAR).map((name) => ({
      type: 'answer',
      question: 1,
      body: { metrics: metricsWith({ ...EXEMPLAR, [name]: undefined }) },
    })),
    { type: 'prepared', change: 1, outcome: 'perhaps', message: '', findings: [] },
    { type: 'serving', tls: [{ kind: 'listener', name: 'tls', files: 'a.crt', certificates: [] }] },
  ];
  for (const stranger of strangers) {
    assert.equal(isToWorker(stranger), false, JSON.stringify(stranger));
    assert.equal(isFromWorker(stranger), false, JSON.stringify(stranger));
  }
});

test('the version of a worker is read even where nothing else of it would be understood', () => {
  assert.equal(helloVersion({ type: 'hello', version: 99, more: 'of a later version' }), 99);
  assert.equal(helloVersion({ type: 'hello', version: 'one' }), undefined);
  assert.equal(helloVersion({ type: 'load', version: 1 }), undefined);
});
