// Questions to a service that is played frame by frame, asked by the authorize policy of a whole proxy: places, windows, connections that
// go away, and the calls of other clients.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { parseGrpcTimeout } from '../../src/grpc/timeout.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { goAwayFrame, grpcMessage, windowUpdateFrame } from '../support/raw-frames.ts';
import type { RawRequest, RawServer, RawServerOptions } from '../support/raw-server.ts';

/** A CheckResponse with an empty status. */
const YES = Buffer.from([10, 0]);
/** A method of the authorizer that clients call themselves. */
const OWN = '/own.Service/Do';

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly authorizer: RawServer;
  readonly service: RawServer;
}

async function start(
  t: TestContext,
  options: RawServerOptions,
  upstream: Readonly<Record<string, unknown>> = {},
  limits: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const authorizer = await startRawUpstream(t, options);
  const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const authorize = { upstream: 'authorizer', timeout: '10s' };
  const proxy = await startProxy(t, {
    sections: {
      limits,
      routes: [
        { name: 'all', match: { path: '/*' }, upstream: 'voice', authorize },
        {
          name: 'short',
          match: { path: '/short/*' },
          upstream: 'voice',
          authorize: { ...authorize, timeout: '20ms' },
        },
        { name: 'own', match: { path: OWN }, upstream: 'authorizer' },
      ],
      upstreams: {
        voice: { endpoints: [service.address] },
        authorizer: { endpoints: [authorizer.address], ...upstream },
      },
    },
  });
  return { proxy, authorizer, service };
}

const BODY = grpcMessage(Buffer.from('x'));

test('a question waits for a place at the service, and gets it when another question is over', async (t) => {
  const scene = await start(
    t,
    { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] },
    { connections: { max: 1 } },
  );
  const client = await scene.proxy.rawClient('tls');
  const streams = [client.call({ body: BODY }), client.call({ body: BODY }), client.call({ body: BODY })];
  for (let index = 0; index < streams.length; index++) {
    const request = await scene.authorizer.wantRequest(index);
    await eventually('the question is whole', () => request.hasEnded);
    assert.equal(scene.authorizer.requests.length, index + 1);
    request.succeed(YES);
  }
  for (const stream of streams) assert.equal((await client.outcome(stream)).grpcStatus, '0');
});

test('a question that waits for a place leaves the queue with its call', async (t) => {
  const scene = await start(
    t,
    { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] },
    { connections: { max: 1 }, limits: { pending: 1 } },
  );
  const client = await scene.proxy.rawClient('tls');
  const first = client.call({ body: BODY });
  const request = await scene.authorizer.wantRequest(0);
  const gone = client.call({ fields: [['x-who', 'gone']], body: BODY });
  client.sendReset(gone, ErrorCode.CANCEL);
  await scene.proxy.record();
  // The queue has one place.
  const next = client.call({ fields: [['x-who', 'next']], body: BODY });
  request.succeed(YES);
  const second = await scene.authorizer.wantRequest(1);
  await eventually('the question is whole', () => second.hasEnded);
  assert.ok(second.body.includes('next') && !second.body.includes('gone'));
  second.succeed(YES);
  for (const stream of [first, next]) assert.equal((await client.outcome(stream)).grpcStatus, '0');
  assert.equal(scene.authorizer.requests.length, 2);
});

test('a question that is larger than the window of the service is sent as the window opens', async (t) => {
  const scene = await start(t, {
    settings: [[SettingId.INITIAL_WINDOW_SIZE, 100]],
    onRequestEnd: (request) => request.succeed(YES),
    onRequest: (request) => request.peer.send(windowUpdateFrame(request.streamId, 1_000_000)),
  });
  const client = await scene.proxy.rawClient('tls');
  const stream = client.call({ fields: [['x-long', 'a'.repeat(5000)]], body: BODY });
  assert.equal((await client.outcome(stream)).grpcStatus, '0');
  assert.ok((scene.authorizer.requests[0]?.body.length ?? 0) > 5000);
});

test('questions beyond the queue of the upstream have no answer, and the others are not affected', async (t) => {
  const scene = await start(
    t,
    { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] },
    { connections: { max: 1 }, limits: { pending: 1 } },
  );
  const client = await scene.proxy.rawClient('tls');
  const first = client.call({ body: BODY });
  const request = await scene.authorizer.wantRequest();
  const others = [client.call({ body: BODY }), client.call({ body: BODY })];
  const refused = await scene.proxy.record();
  assert.match(refused.reason, /^authorizer_unavailable: .*Why: .*authorizer.*\(limits\.pending\)/);
  request.succeed(YES);
  (await scene.authorizer.wantRequest(1)).succeed(YES);
  const statuses = [];
  for (const stream of [first, ...others]) statuses.push((await client.outcome(stream)).grpcStatus);
  assert.deepEqual([statuses[0], new Set(statuses)], ['0', new Set(['0', '14'])]);
});

test('a question that the service did not look at before it went away is asked on another connection', async (t) => {
  let count = 0;
  const scene = await start(t, {
    onRequestEnd: (request) => {
      if (count++ === 0) request.peer.send(goAwayFrame(0, ErrorCode.NO_ERROR));
      else request.succeed(YES);
    },
  });
  const client = await scene.proxy.rawClient('tls');
  assert.equal((await client.outcome(client.call({ body: BODY }))).grpcStatus, '0');
  assert.equal(scene.authorizer.peers.length, 2);
});

test('a service that goes on refusing is not asked for ever', async (t) => {
  const scene = await start(t, { onRequestEnd: (request) => request.reset(ErrorCode.REFUSED_STREAM) });
  const client = await scene.proxy.rawClient('tls');
  assert.equal((await client.outcome(client.call({ body: BODY }))).grpcStatus, '14');
  assert.equal(scene.authorizer.requests.length, 2);
});

/** More than a client may leave behind at one time (MOST_ABANDONED of upstreams/client-account.ts). */
const CONNECTIONS = 12;
const CALLS = 100;

test('questions that are late are not held against their client', async (t) => {
  const authorizer = await startRawUpstream(t, {});
  const route = { upstream: 'voice', authorize: { upstream: 'authorizer', timeout: '1s' } };
  const proxy = await startProxy(t, {
    sections: {
      routes: [
        {
          name: 'patient',
          match: { path: '/patient/*' },
          ...route,
          authorize: { upstream: 'authorizer', timeout: '10s' },
        },
        { name: 'all', match: { path: '/*' }, ...route },
      ],
      upstreams: { voice: { endpoints: ['127.0.0.1:1'] }, authorizer: { endpoints: [authorizer.address] } },
    },
  });
  // Keeps the connection open on which the others are given up.
  const patient = await proxy.rawClient('tls');
  patient.call({ path: '/patient/call', body: BODY });
  await authorizer.wantRequest();
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => proxy.rawClient('clear')));
  const calls = clients.flatMap((client) =>
    Array.from({ length: CALLS }, () => ({ client, stream: client.call({ body: BODY }) })),
  );
  await eventually('all are asked about', () => authorizer.requests.length === 1 + CONNECTIONS * CALLS);
  for (const { client, stream } of calls) assert.equal((await client.outcome(stream)).grpcStatus, '14');
  const [client] = clients;
  assert.ok(client !== undefined);
  assert.equal((await client.outcome(client.call({ body: BODY }))).grpcStatus, '14');
});

test('a question without an answer in time has timed out, and is not lost to a faster one', async (t) => {
  const scene = await start(t, {});
  const client = await scene.proxy.rawClient('tls');
  const outcomes = async (): Promise<Readonly<Record<string, number>>> => {
    const families = await scene.proxy.plane.metrics();
    const ended = valuesOf(families.find(({ name }) => name === 'framegate_endpoint_attempts_total'));
    return Object.fromEntries(
      ended.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.outcome, value]),
    );
  };
  assert.deepEqual(await outcomes(), {});
  assert.equal((await client.outcome(client.call({ path: '/short/call', body: BODY }))).grpcStatus, '14');
  assert.deepEqual(await outcomes(), { timed_out: 1 });
  const { upstreams } = await scene.proxy.plane.upstreams({ heldUp: false });
  const asked = upstreams.find(({ name }) => name === 'authorizer');
  assert.equal(asked?.endpoints[0].unanswered, 1);
});

test('the service is told its own name, how long it has, and what is asked', async (t) => {
  const scene = await start(t, { onRequestEnd: (request) => request.succeed(YES) });
  const client = await scene.proxy.rawClient('tls');
  await client.outcome(client.call({ body: BODY }));
  const [request] = scene.authorizer.requests;
  const names = [':authority', ':path', ':scheme', 'content-type', 'te'];
  assert.deepEqual(
    names.map((name) => request?.field(name)),
    [
      scene.authorizer.address,
      '/envoy.service.auth.v3.Authorization/Check',
      'http',
      'application/grpc',
      'trailers',
    ],
  );
  assert.equal(parseGrpcTimeout(request?.field('grpc-timeout') ?? ''), 10_000);
});

test('a question is not asked again when the service gives the connection up after an error, since it may have been processed', async (t) => {
  const scene = await start(t, {
    onRequestEnd: (request) => {
      if (scene.authorizer.requests.length === 1) request.peer.send(goAwayFrame(0, ErrorCode.INTERNAL_ERROR));
      else request.succeed(YES);
    },
  });
  const client = await scene.proxy.rawClient('tls');
  assert.equal((await client.outcome(client.call({ body: BODY }))).grpcStatus, '14');
  assert.equal(scene.authorizer.requests.length, 1);
  const { reason } = await scene.proxy.record();
  assert.match(reason, /the endpoint gave the connection up/);
  assert.equal(
    (await client.outcome(client.call({ body: BODY }))).grpcStatus,
    '0',
    'the next one is asked anew',
  );
});

test('an answer that is larger than the window of its stream comes whole', async (t) => {
  const WINDOW_BYTES = 65_535;
  const scene = await start(t, {}, {}, { streamWindow: WINDOW_BYTES });
  const client = await scene.proxy.rawClient('tls');
  const stream = client.call({ body: BODY });
  const request = await scene.authorizer.wantRequest();
  // A field that nobody knows, with as many bytes as an answer may have.
  const head = Buffer.of(...YES, 15 * 8 + 2, 0xfa, 0xff, 0x03);
  const answer = grpcMessage(Buffer.concat([head, Buffer.alloc(65_530)]));
  assert.equal(answer.length, 65_541);
  request.sendHeaders();
  for (let at = 0; at < WINDOW_BYTES; at += 16_000)
    request.peer.sendData(request.streamId, answer.subarray(at, Math.min(WINDOW_BYTES, at + 16_000)));
  await request.peer.want(
    'credit for the stream',
    ({ type, streamId }) => type === FrameType.WINDOW_UPDATE && streamId === request.streamId,
  );
  request.peer.sendData(request.streamId, answer.subarray(WINDOW_BYTES));
  request.sendTrailers();
  assert.equal((await client.outcome(stream)).grpcStatus, '0');
});

test('a service that ends a question because its time is over counts as late, whoever notices it first', async (t) => {
  const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const authorizer = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      const givenMs = parseGrpcTimeout(request.field('grpc-timeout') ?? '') ?? 0;
      const end = (): void => {
        request.sendHeaders([
          [':status', '200'],
          ['content-type', 'application/grpc'],
        ]);
        request.sendTrailers([
          ['grpc-status', '4'],
          ['grpc-message', 'Deadline Exceeded'],
        ]);
      };
      // As a server does whose clock runs ahead a little.
      setTimeout(end, 0.95 * givenMs).unref();
    },
  });
  const authorize = { upstream: 'authorizer', timeout: '1s' };
  const proxy = await startProxy(t, {
    sections: {
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', authorize }],
      upstreams: {
        voice: { endpoints: [service.address] },
        authorizer: { endpoints: [authorizer.address] },
      },
    },
  });
  const client = await proxy.rawClient('tls');
  client.call({ body: BODY });
  assert.match(
    (await proxy.record()).reason,
    /Why: the service of upstream authorizer has not answered in 1000 ms \(authorize\.timeout\)/,
  );
});

/** A client that also calls the authorizer itself, and what the authorizer does with each of its questions, or of its calls. */
async function withCalls(
  t: TestContext,
  faulty: 'questions' | 'calls',
  fault: (request: RawRequest) => void,
) {
  const scene = await start(t, {
    onRequestEnd: (request) => {
      const isCall = request.field(':path') === OWN;
      if (isCall === (faulty === 'calls')) fault(request);
      else request.succeed(YES);
    },
  });
  const client = await scene.proxy.rawClient('tls');
  const outcome = async (path?: string): Promise<string | undefined> =>
    (await client.outcome(client.call({ body: BODY, ...(path !== undefined && { path }) }))).grpcStatus;
  return { asked: () => outcome(), called: () => outcome(OWN) };
}

test('questions that the service rejects as faulty are held against no client', async (t) => {
  const client = await withCalls(t, 'questions', (request) => request.reset(ErrorCode.PROTOCOL_ERROR));
  // More than a client may have at once.
  for (let count = 0; count < 120; count++) assert.equal(await client.asked(), '14');
  assert.equal(await client.called(), '0');
});

test('connections that the service gives up because of a question are held against no client', async (t) => {
  const client = await withCalls(t, 'questions', (request) => {
    request.peer.send(goAwayFrame(request.streamId, ErrorCode.PROTOCOL_ERROR));
    request.succeed(YES);
  });
  for (let count = 0; count < 20; count++) assert.equal(await client.asked(), '0');
  assert.equal(await client.called(), '0');
});

test('a client whose own calls a service finds faulty is asked about there as others are', async (t) => {
  const client = await withCalls(t, 'calls', (request) => request.reset(ErrorCode.PROTOCOL_ERROR));
  for (let count = 0; count < 100; count++) await client.called();
  assert.equal(await client.called(), '8', 'it may make no more calls');
  assert.equal(await client.asked(), '0');
});
