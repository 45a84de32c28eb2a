// Spans as a collector gets them: what belongs to what, for calls of every kind, and what the services were told.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { listen, RawHttp1Client } from '../edges/edge-under-test.ts';
import { type Collector, startGrpcCollector, startHttpCollector } from '../support/collector.ts';
import { eventually } from '../support/eventually.ts';
import { voiceRequest, webCall } from '../support/grpc-web-client.ts';
import { type Answer, echo, MESSAGE, reset, scene, silence, UNAVAILABLE } from '../support/hedged-scene.ts';
import type { ReadSpan } from '../support/otlp-reader.ts';
import { type ProxyUnderTest, startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import type { RawRequest, RawServer } from '../support/raw-server.ts';
import { TokenIssuer } from '../support/token-issuer.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;
const LOOPBACK = ['127.0.0.0/8'];

const NOT_FOUND: Answer = (request) =>
  request.sendTrailers([
    [':status', '200'],
    ['grpc-status', '5'],
  ]);

function parentOf(request: RawRequest): { traceId: string; spanId: string; flags: string } {
  const [, traceId, spanId, flags] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(request.field('traceparent') ?? '') ??
    assert.fail(`no traceparent: ${JSON.stringify(request.fields)}`);
  return { traceId, spanId, flags };
}

function serverSpan(spans: readonly ReadSpan[]): ReadSpan {
  const [span, ...others] = spans.filter(({ kind }) => kind === SERVER);
  assert.ok(span !== undefined && others.length === 0, 'one server span');
  return span;
}

function clientSpans(spans: readonly ReadSpan[]): readonly ReadSpan[] {
  return spans
    .filter(({ kind }) => kind === CLIENT)
    .toSorted(
      (one, other) =>
        Number(one.attributes['framegate.attempt']) - Number(other.attributes['framegate.attempt']),
    );
}

/** Each attempt has the call's span as parent, and the service was told the attempt's span. */
function assertFamily(spans: readonly ReadSpan[], requests: readonly RawRequest[]): void {
  const server = serverSpan(spans);
  const clients = clientSpans(spans);
  for (const client of clients) {
    assert.equal(client.parentId, server.spanId);
    assert.ok(client.startNs >= server.startNs && client.endNs <= server.endNs, 'within the call');
  }
  assert.deepEqual(
    requests.map((request) => parentOf(request).spanId),
    clients.map(({ spanId }) => spanId),
  );
  const ids = spans.map(({ spanId }) => spanId);
  assert.equal(new Set(ids).size, ids.length);
}

interface Traced {
  readonly collector: Collector;
  readonly proxy: ProxyUnderTest;
  readonly client: RawClient;
  readonly service: RawServer;
}

async function traced(
  t: TestContext,
  trace: Readonly<Record<string, unknown>> = { sample: '100%' },
  more: {
    readonly answer?: Answer;
    readonly trusted?: readonly string[];
    readonly route?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<Traced> {
  const collector = await startHttpCollector(t);
  const service = await startRawUpstream(t, {
    onRequestEnd: more.answer ?? ((request) => request.succeed()),
  });
  const proxy = await startProxy(t, {
    endpoints: [service.address],
    trustedClients: more.trusted ?? [],
    sections: {
      trace: { exporter: collector.exporter, ...trace },
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', ...more.route }],
    },
  });
  return { collector, proxy, client: await proxy.rawClient('clear'), service };
}

async function callOnce(
  client: RawClient,
  fields: readonly (readonly [string, string])[] = [],
): Promise<void> {
  await client.outcome(client.call({ body: MESSAGE, fields }));
}

test('a unary call: a server span, a client span below it, and the service is told the latter', async (t) => {
  const { collector, proxy, client, service } = await traced(t);
  await callOnce(client);
  const [request] = service.requests;
  const { traceId, flags } = parentOf(request);
  const spans = await collector.trace(traceId, 2);
  assert.equal(flags, '01');
  assertFamily(spans, [request]);
  const server = serverSpan(spans);
  assert.deepEqual([server.parentId, server.name, server.statusCode], ['', 'voice.VoiceAssistant/Say', 0]);
  const { attributes } = server;
  assert.deepEqual(
    [
      'rpc.system.name',
      'rpc.method',
      'rpc.status_code',
      'server.address',
      'framegate.route',
      'framegate.upstream',
    ].map((name) => attributes[name]),
    ['grpc', 'voice.VoiceAssistant/Say', 'OK', 'service.test', 'all', 'voice'],
  );
  assert.equal(attributes['client.address'], '127.0.0.1');
  assert.equal(attributes['framegate.request.messages'], 1);
  const [attempt] = clientSpans(spans);
  assert.deepEqual(
    ['server.address', 'server.port', 'rpc.status_code', 'framegate.attempt.outcome'].map(
      (name) => attempt.attributes[name],
    ),
    ['127.0.0.1', service.port, 'OK', 'answered'],
  );
  assert.equal(server.resource['service.name'], 'framegate');
  const record = await proxy.record();
  assert.equal(record['traceId'], traceId);
});

test('a call within a trace of its client: the client is the parent, and tracestate is passed on', async (t) => {
  const { collector, client, service } = await traced(t, { sample: '0%' }, { trusted: LOOPBACK });
  await callOnce(client, [
    ['traceparent', `00-${TRACE}-${CALLER}-03`],
    ['tracestate', 'one=1'],
    ['tracestate', 'two=2'],
    ['baggage', 'key=value'],
  ]);
  const spans = await collector.trace(TRACE, 2);
  assertFamily(spans, service.requests);
  const server = serverSpan(spans);
  assert.deepEqual([server.parentId, server.state], [CALLER, 'one=1,two=2']);
  const [request] = service.requests;
  assert.deepEqual([request.field('tracestate'), request.field('baggage')], ['one=1,two=2', 'key=value']);
  assert.equal(request.fields.filter(([name]) => name === 'traceparent').length, 1);
  assert.equal(parentOf(request).flags, '03', 'sampled, with a random trace id');
});

test('the sampled flag of a parent is followed for a trusted client, and for others only where the configuration says so', async (t) => {
  const cases = [
    // trusted, parent, flag of the client, sample, what the service is told
    [true, 'trusted', '01', '0%', '01'],
    [true, 'trusted', '00', '100%', '00'],
    [false, 'trusted', '01', '0%', '00'],
    [false, 'trusted', '00', '100%', '01'],
    [false, 'all', '01', '0%', '01'],
    [true, 'none', '01', '0%', '00'],
  ] as const;
  for (const [isTrusted, parent, flag, sample, told] of cases) {
    const all = await traced(t, { sample, parent, onError: false }, { trusted: isTrusted ? LOOPBACK : [] });
    await callOnce(all.client, [['traceparent', `00-${TRACE}-${CALLER}-${flag}`]]);
    const { traceId, flags, spanId } = parentOf(all.service.requests[0]);
    assert.deepEqual([traceId, flags], [TRACE, told], JSON.stringify({ isTrusted, parent, flag }));
    assert.notEqual(spanId, CALLER);
    await all.proxy.close();
    assert.equal(all.collector.spans.length, told === '01' ? 2 : 0);
  }
});

test('a malformed traceparent begins a new trace, and its tracestate is not passed on', async (t) => {
  const { client, service } = await traced(t);
  await callOnce(client, [
    ['traceparent', `00-${TRACE.toUpperCase()}-${CALLER}-01`],
    ['tracestate', 'one=1'],
  ]);
  const [request] = service.requests;
  assert.notEqual(parentOf(request).traceId.toLowerCase(), TRACE);
  assert.equal(request.field('tracestate'), undefined);
});

test('calls that differ in their traceparent alone are sent the fields they have in common once, and each its own parent', async (t) => {
  const { collector, client, service } = await traced(t, { sample: '0%' }, { trusted: LOOPBACK });
  const parents = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(15, '0')}f`);
  for (const parent of parents)
    await callOnce(client, [
      ['traceparent', `00-${TRACE}-${parent}-01`],
      ['x-other', 'same'],
    ]);
  const spans = await collector.trace(TRACE, 40);
  const servers = new Map(
    spans.filter(({ kind }) => kind === SERVER).map((span) => [span.spanId, span.parentId]),
  );
  const attempts = new Map(
    spans.filter(({ kind }) => kind === CLIENT).map((span) => [span.spanId, span.parentId]),
  );
  assert.deepEqual(
    service.requests.map((request) => servers.get(attempts.get(parentOf(request).spanId) ?? '')),
    parents,
  );
  assert.ok(service.requests.every((request) => request.field('x-other') === 'same'));
  assert.ok(
    service.requests.every(({ fields }) => fields.filter(([name]) => name === 'traceparent').length === 1),
  );
});

test('a call that fails is exported although it is not sampled, and the service was not told to record', async (t) => {
  const { collector, client, service } = await traced(t, { sample: '0%' }, { answer: UNAVAILABLE });
  await callOnce(client);
  const { traceId, flags } = parentOf(service.requests[0]);
  const spans = await collector.trace(traceId, 2);
  assert.equal(flags, '00');
  const server = serverSpan(spans);
  assert.deepEqual([server.statusCode, server.attributes['error.type']], [ERROR, 'UNAVAILABLE']);
  assert.deepEqual(clientSpans(spans)[0].attributes['error.type'], 'UNAVAILABLE');
});

test('a call that is given up at its deadline: spans that have failed, and who let the time pass', async (t) => {
  const { collector, client } = await traced(t, { sample: '0%' }, { answer: () => undefined });
  await callOnce(client, [['grpc-timeout', '90m']]);
  const spans = await collector.want(2);
  const { statusCode, attributes } = serverSpan(spans);
  assert.deepEqual(
    [statusCode, attributes['error.type'], attributes['framegate.deadline_ms']],
    [ERROR, 'DEADLINE_EXCEEDED', 90],
  );
  for (const { attributes: of } of spans)
    assert.deepEqual([of['rpc.status_code'], of['error.type']], ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
  assert.equal(attributes['framegate.blocked_by'], 'service');
  assert.match(
    String(attributes['framegate.reason']),
    /^deadline_exceeded: .* 90 ms passed \(grpc-timeout\)\. The service has sent nothing in the /,
  );
});

test('a status that is the matter of the client is no failure of the server', async (t) => {
  const { collector, client } = await traced(t, { sample: '100%' }, { answer: NOT_FOUND });
  await callOnce(client);
  const spans = await collector.want(2);
  assert.deepEqual([serverSpan(spans).statusCode, clientSpans(spans)[0].statusCode], [0, ERROR]);
});

test('a call that the proxy refuses: a server span with the verdict, and the diagnosis names the trace', async (t) => {
  const { collector, proxy, client } = await traced(
    t,
    { sample: '0%' },
    { route: { match: { path: '/known/*' } } },
  );
  await client.outcome(
    client.call({ path: '/made.Up/Method', fields: [['traceparent', `00-${TRACE}-${CALLER}-00`]] }),
  );
  const spans = await collector.trace(TRACE, 1);
  const server = serverSpan(spans);
  assert.deepEqual(
    [server.name, server.attributes['rpc.method'], server.parentId],
    ['_OTHER', '_OTHER', CALLER],
  );
  assert.equal(server.attributes['rpc.method_original'], 'made.Up/Method');
  const [event] = server.events;
  assert.deepEqual([event.name, event.attributes['framegate.token']], ['verdict', 'no_route']);
  const { recent } = await proxy.plane.diagnoses();
  assert.equal(recent.find(({ token }) => token === 'no_route')?.traceId, TRACE);
});

test('a call that is refused before any attempt has the name of its method on a route for this method alone', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const collector = await startHttpCollector(t);
  const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const access = { require: ['office'] };
  const proxy = await startProxy(t, {
    endpoints: [service.address],
    sections: {
      trace: { exporter: collector.exporter, sample: '100%' },
      identities: { office: issuer.identity() },
      routes: [
        { name: 'exact', match: { path: '/voice.VoiceAssistant/Say' }, upstream: 'voice', access },
        { name: 'below', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice', access },
      ],
    },
  });
  const client = await proxy.rawClient('clear');
  const fields = [['authorization', 'Bearer bad']] as const;
  for (const path of [
    '/voice.VoiceAssistant/Say',
    '/voice.VoiceAssistant/Say?key=1',
    '/voice.VoiceAssistant/Ask',
  ])
    await client.outcome(client.call({ path, body: MESSAGE, fields }));
  const spans = await collector.want(3);
  assert.equal(service.requests.length, 0);
  const seen = spans.map(({ name, attributes }) => [
    attributes['framegate.route'],
    attributes['framegate.token'],
    name,
    attributes['rpc.method'],
    attributes['rpc.method_original'],
  ]);
  const named = [
    'exact',
    'credentials_invalid',
    'voice.VoiceAssistant/Say',
    'voice.VoiceAssistant/Say',
    undefined,
  ];
  assert.deepEqual(seen, [
    named,
    named,
    ['below', 'credentials_invalid', '_OTHER', '_OTHER', 'voice.VoiceAssistant/Ask'],
  ]);
});

test('a call that is sent again: a client span for each attempt, and an event for each retry', async (t) => {
  const collector = await startHttpCollector(t);
  let count = 0;
  const answers = [reset(ErrorCode.INTERNAL_ERROR), UNAVAILABLE, echo];
  const service = await startRawUpstream(t, { onRequestEnd: (request) => answers[count++](request) });
  const retry = { attempts: 3, on: ['UNAVAILABLE', 'INTERNAL'], backoff: '1ms', maxBackoff: '1ms' };
  const proxy = await startProxy(t, {
    endpoints: [service.address],
    sections: {
      trace: { exporter: collector.exporter, sample: '100%' },
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', retry }],
    },
  });
  const client = await proxy.rawClient('clear');
  await callOnce(client);
  const spans = await collector.want(4);
  assertFamily(spans, service.requests);
  const server = serverSpan(spans);
  assert.deepEqual(
    server.events.map(({ name, attributes }) => [name, attributes['framegate.attempt']]),
    [
      ['retry', 2],
      ['retry', 3],
    ],
  );
  const attempts = clientSpans(spans);
  assert.deepEqual(
    attempts.map(({ attributes }) => attributes['error.type']),
    ['reset', 'UNAVAILABLE', undefined],
  );
  assert.deepEqual(
    attempts[0].events.map(({ name, attributes }) => [name, attributes['framegate.detail']]),
    [['reset', 'INTERNAL_ERROR']],
  );
  assert.deepEqual([server.statusCode, server.attributes['framegate.attempts']], [0, 3]);
});

test('a hedged call: the attempts stand beside each other, and the slow one is lost, not failed', async (t) => {
  const collector = await startHttpCollector(t);
  const { client, requests } = await scene(t, [silence, echo], {
    sections: { trace: { exporter: collector.exporter, sample: '100%' } },
  });
  await client.outcome(client.call({ body: MESSAGE }));
  const spans = await collector.trace(parentOf(requests[0]).traceId, 3);
  assertFamily(spans, requests);
  assert.deepEqual(
    serverSpan(spans).events.map(({ name }) => name),
    ['hedge'],
  );
  assert.deepEqual(
    clientSpans(spans).map(({ attributes, statusCode }) => [
      attributes['framegate.attempt.outcome'],
      statusCode,
    ]),
    [
      ['lost', 0],
      ['answered', 0],
    ],
  );
});

test('a request of HTTP/1.1 to a service of HTTP/1.1', async (t) => {
  const collector = await startHttpCollector(t);
  const parents: unknown[] = [];
  const port = await listen(
    t,
    createServer((request, response) => {
      parents.push(request.headers['traceparent']);
      response.writeHead(503).end('not now');
    }),
  );
  const proxy = await startProxy(t, {
    trustedClients: LOOPBACK,
    sections: {
      trace: { exporter: collector.exporter, sample: '0%' },
      routes: [{ name: 'web', match: { path: '/*' }, upstream: 'web' }],
      upstreams: { web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] } },
    },
  });
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send(
    'GET /page?secret=1 HTTP/1.1',
    'Host: a.test',
    `traceparent: 00-${TRACE}-${CALLER}-01`,
    'Connection: close',
    '',
  );
  await client.closed();
  const spans = await collector.trace(TRACE, 2);
  const server = serverSpan(spans);
  const [attempt] = clientSpans(spans);
  assert.deepEqual(parents, [`00-${TRACE}-${attempt.spanId}-01`]);
  assert.deepEqual([server.name, server.parentId, attempt.parentId], ['GET', CALLER, server.spanId]);
  assert.deepEqual(
    ['http.request.method', 'url.path', 'http.response.status_code', 'error.type'].map(
      (name) => server.attributes[name],
    ),
    ['GET', '/page', 503, '503'],
  );
  assert.equal(attempt.attributes['error.type'], '503');
});

test('a call of gRPC-Web is a gRPC call to its service', async (t) => {
  const collector = await startHttpCollector(t);
  const demo = await startDemo(t);
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    sections: {
      trace: { exporter: collector.exporter, sample: '100%' },
      routes: [{ name: 'web', match: { path: '/*' }, upstream: 'voice', grpcWeb: true }],
    },
  });
  await webCall('http1', proxy.port('clear'), voiceRequest('Say', { text: 'hello' }));
  const spans = await collector.want(2);
  assert.deepEqual(
    [serverSpan(spans).attributes['rpc.system.name'], serverSpan(spans).attributes['rpc.status_code']],
    ['grpc', 'OK'],
  );
  assert.equal(clientSpans(spans)[0].parentId, serverSpan(spans).spanId);
});

test('grpc-trace-bin is read, and written for the service where the client has sent one', async (t) => {
  const trace = { sample: '0%', propagate: ['w3c', 'grpc-trace-bin'] };
  const { collector, client, service } = await traced(t, trace, { trusted: LOOPBACK });
  const binary = Buffer.from(`0000${TRACE}01${CALLER}0201`, 'hex').toString('base64');
  await callOnce(client, [['grpc-trace-bin', binary]]);
  await callOnce(client, [['traceparent', `00-${TRACE}-${CALLER}-01`]]);
  const spans = await collector.trace(TRACE, 4);
  const [first, second] = service.requests;
  const { spanId, traceId } = parentOf(first);
  const sent = Buffer.from(first.field('grpc-trace-bin') ?? '', 'base64').toString('hex');
  assert.deepEqual([traceId, sent], [TRACE, `0000${TRACE}01${spanId}0201`]);
  assert.equal(second.field('grpc-trace-bin'), undefined);
  assert.ok(spans.filter(({ kind }) => kind === SERVER).every(({ parentId }) => parentId === CALLER));
});

test('what is not in propagate passes as it came, and so does everything on a route with trace: off', async (t) => {
  const fields = [
    ['traceparent', `00-${TRACE}-${CALLER}-01`],
    ['tracestate', 'one=1'],
    ['grpc-trace-bin', 'AAAA'],
  ] as const;
  const seen = (request: RawRequest) => fields.map(([name]) => request.field(name));
  const binaryOnly = await traced(t, { sample: '100%', propagate: ['grpc-trace-bin'] });
  await callOnce(binaryOnly.client, fields);
  assert.deepEqual(seen(binaryOnly.service.requests[0]).slice(0, 2), [`00-${TRACE}-${CALLER}-01`, 'one=1']);
  const untraced = await traced(t, { sample: '100%' }, { route: { trace: 'off' } });
  await callOnce(untraced.client, fields);
  assert.deepEqual(
    seen(untraced.service.requests[0]),
    fields.map(([, value]) => value),
  );
  const w3cOnly = await traced(t, { sample: '100%', propagate: ['w3c'] });
  await callOnce(w3cOnly.client, fields);
  const binaries = w3cOnly.service.requests[0].fields.filter(([name]) => name === 'grpc-trace-bin');
  assert.deepEqual(binaries, [['grpc-trace-bin', 'AAAA']]);
  const record = await untraced.proxy.record();
  assert.equal(record['traceId'], undefined);
  await untraced.proxy.close();
  assert.equal(untraced.collector.spans.length, 0);
});

test('a long stream is seen before it ends: its opening, and what it has carried in each interval', async (t) => {
  const { collector, client, service } = await traced(
    t,
    { sample: '100%', interval: '1s' },
    { answer: silence },
  );
  const streamId = client.call({ endStream: false, body: MESSAGE });
  const request = await service.wantRequest();
  const { traceId } = parentOf(request);
  const early = await collector.trace(traceId, 3);
  assert.ok(!early.some(({ kind }) => kind === SERVER), 'the stream goes on');
  const open = early.find(({ name }) => name === 'open');
  assert.ok(open !== undefined);
  assert.equal(open.endNs - open.startNs, 1n, 'no span ends with its start');
  const intervals = early.filter(({ name }) => name === 'interval');
  assert.equal(intervals[0].attributes['framegate.request.messages'], 1);
  assert.equal(intervals[0].startNs, open.startNs);
  if (intervals.length > 1) assert.equal(intervals[1].startNs, intervals[0].endNs);
  client.sendData(streamId, Buffer.alloc(0), true);
  await eventually('the request ends', () => service.requests.length === 1);
  request.succeed();
  await client.outcome(streamId);
  const server = serverSpan(
    await eventually('the span of the call', () => {
      const all = collector.spans.filter((span) => span.traceId === traceId);
      return all.some(({ kind }) => kind === SERVER) && all;
    }),
  );
  assert.ok(early.every(({ parentId }) => parentId === server.spanId));
});

test('a call in flight is listed with its trace', async (t) => {
  const { proxy, client, service } = await traced(t, { sample: '0%' }, { answer: silence });
  const streamId = client.call({ endStream: false, body: MESSAGE });
  const { traceId } = parentOf(await service.wantRequest());
  const page = await proxy.plane.exchanges({ sort: 'age', limit: 10 });
  assert.deepEqual(
    page.exchanges.map((row) => row.traceId),
    [traceId],
  );
  client.sendData(streamId, Buffer.alloc(0), true);
});

test('over gRPC, with metadata for the collector', async (t) => {
  const collector = await startGrpcCollector(t);
  const demo = await startDemo(t);
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    sections: {
      trace: {
        exporter: collector.exporter,
        sample: '100%',
        service: 'edge',
        headers: { 'X-Key': 'of the collector' },
      },
    },
  });
  const client = proxy.voiceClient('clear');
  await client.say({ text: 'hello' });
  const spans = await collector.want(2);
  assert.equal(clientSpans(spans)[0].parentId, serverSpan(spans).spanId);
  assert.equal(serverSpan(spans).resource['service.name'], 'edge');
  assert.equal(collector.headers['x-key'], 'of the collector');
});
