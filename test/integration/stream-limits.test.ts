// Limits of messages, bytes and sizes through the whole proxy, with real clients of each protocol. Rates are so low that nothing more
// passes while a test runs, or so high that all of it does.

import assert from 'node:assert/strict';
import { createServer, request as http1Request } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { LiveExchange } from '../../src/calls/live-exchange.ts';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { keysOf } from '../../src/observability/metrics-snapshot.ts';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { parseWebBody, voiceRequest, webCall, webProtocols } from '../support/grpc-web-client.ts';
import { type ProxyUnderTest, startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { dataFrame, grpcMessage, resetFrame } from '../support/raw-frames.ts';
import type { AudioStream, TestVoiceClient } from '../support/voice-client.ts';
import { websocketAccept } from '../support/websocket-accept.ts';

interface Limited {
  readonly proxy: ProxyUnderTest;
  readonly client: TestVoiceClient;
}

async function start(
  t: TestContext,
  limits: readonly object[],
  route: object = {},
  endpoint?: string,
  drain = '0s',
): Promise<Limited> {
  const address = endpoint ?? (await startDemo(t)).address;
  const routes = [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits, ...route }];
  const proxy = await startProxy(t, {
    endpoints: [address],
    sections: { routes, drain: { timeout: drain } },
  });
  return { proxy, client: proxy.voiceClient('clear') };
}

const messages = (more: object): object => ({ count: 'messages', by: ['stream'], ...more });
const bytes = (more: object): object => ({ count: 'bytes', by: ['stream'], ...more });
/** Lets `burst` pass while a test runs. */
const few = (burst: number): object => ({ rate: '1/h', burst });

/** @returns the sequence numbers of the events, up to the end of the stream */
async function sequences(stream: AudioStream): Promise<readonly number[]> {
  const all: number[] = [];
  for (let event = await stream.next(); event !== undefined; event = await stream.next())
    all.push(event.sequence);
  return all;
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function blocked(proxy: ProxyUnderTest, how: string): Promise<LiveExchange> {
  return eventually(`a call is blocked: ${how}`, async () => {
    const { exchanges } = await proxy.plane.exchanges({ sort: 'age', limit: 10 });
    return exchanges.find((call) => call.blocked.how === how);
  });
}

test('600 messages of a paced stream arrive, in order, and so do their answers', async (t) => {
  const { client } = await start(t, [
    messages({ rate: '2000/s', burst: 1 }),
    messages({ rate: '2500/s', burst: 1, direction: 'response' }),
  ]);
  const stream = client.streamAudio();
  for (const sequence of upTo(600)) stream.send({ sequence, audio: Buffer.alloc(sequence % 200) });
  stream.finish();
  assert.deepEqual(await sequences(stream), upTo(600));
  assert.equal((await stream.outcome).code, status.OK);
});

test('a paced stream of bytes arrives whole', async (t) => {
  const { client } = await start(t, [bytes({ rate: '4MiB/s', burst: 1000, direction: 'both' })]);
  const stream = client.streamAudio();
  const audio = Buffer.alloc(20_000, 'a');
  for (const sequence of upTo(30)) stream.send({ sequence, audio, returnAudio: sequence % 2 === 0 });
  stream.finish();
  const sizes: number[] = [];
  for (let event = await stream.next(); event !== undefined; event = await stream.next())
    sizes.push(event.audio.length);
  assert.deepEqual(
    sizes,
    upTo(30).map((sequence) => (sequence % 2 === 0 ? 20_000 : 0)),
  );
  assert.equal((await stream.outcome).code, status.OK);
});

test('a held stream holds no other stream of its connection, and its reset reaches the service', async (t) => {
  const upstream = await startRawUpstream(t);
  const { proxy } = await start(t, [messages({ ...few(1), by: ['header:x-held'] })], {}, upstream.address);
  const client = await proxy.rawClient('clear');
  const held = client.call({ fields: [['x-held', 'yes']], endStream: false });
  const message = grpcMessage(Buffer.alloc(1000));
  for (let sent = 0; sent < 100; sent++) client.send(dataFrame(held, message));
  client.call({ fields: [['x-held', 'no']], body: grpcMessage(Buffer.alloc(16_000)) });
  const other = await upstream.wantRequest(1);
  await eventually('the other request is whole', () => other.hasEnded);
  const first = await upstream.wantRequest(0);
  assert.equal(first.body.length, message.length, 'one message has passed');
  client.send(resetFrame(held, ErrorCode.CANCEL));
  await first.peer.wantReset(first.streamId);
});

test('the client has no more than its window to send while it is held', async (t) => {
  const upstream = await startRawUpstream(t);
  const { proxy } = await start(t, [messages(few(1))], {}, upstream.address);
  const client = await proxy.rawClient('clear');
  const held = client.call({ endStream: false });
  // A client that does not obey: 128 KiB are its window.
  for (let sent = 0; sent < 10; sent++) client.send(dataFrame(held, Buffer.alloc(16_000, 1)));
  const reset = await client.wantReset(held);
  assert.equal(reset.payload.readUInt32BE(0), ErrorCode.FLOW_CONTROL_ERROR);
});

test('whoever looks is told the limit by which a silent stream is paced', async (t) => {
  const { proxy, client } = await start(t, [messages({ ...few(2) })]);
  const stream = client.streamAudio();
  for (const sequence of upTo(3)) stream.send({ sequence });
  const call = await blocked(proxy, 'limit');
  assert.equal(call.blocked.by, 'framegate');
  assert.match(
    call.blocked.sentence,
    /^The request is paced by a limit: 1 message each hour from the client, counted by stream \(limits\[0\] of route voice\)\. It holds back \d+ bytes/,
  );
  stream.cancel();
});

test('a stream that its limit has held back says for how long, while it runs and when it is over', async (t) => {
  const { proxy, client } = await start(t, [messages(few(2)), messages({ ...few(100), exceed: 'end' })]);
  const secondsOf = async (limit: string): Promise<number | undefined> => {
    const name = 'framegate_limits_paced_seconds_total';
    const family = (await proxy.plane.metrics()).find((one) => one.name === name);
    assert.ok(family !== undefined);
    const index = keysOf(family).indexOf(`{route="voice",limit="${limit}"}`);
    return family.values[index];
  };
  assert.equal(await secondsOf('messages 1/h by stream'), 0);
  const stream = client.streamAudio();
  for (const sequence of upTo(3)) stream.send({ sequence });
  const held = await eventually('the request is held back', async () => {
    const { exchanges } = await proxy.plane.exchanges({ sort: 'age', limit: 10 });
    return exchanges.find(({ request }) => (request.pacedMs ?? 0) > 0);
  });
  assert.equal(held.response.pacedMs, undefined);
  const first = await eventually('the metric counts a wait that goes on', async () => {
    const seconds = await secondsOf('messages 1/h by stream');
    return seconds !== undefined && seconds > 0 ? seconds : undefined;
  });
  await eventually(
    'it goes on counting',
    async () => Number(await secondsOf('messages 1/h by stream')) > first,
  );
  stream.cancel();
  const record = await proxy.record();
  const { requestPacedMs } = record;
  assert.ok(Number(requestPacedMs) >= Number(held.request.pacedMs), String(requestPacedMs));
  assert.ok(Number(requestPacedMs) <= Number(record['durationMs']));
  assert.equal(record['responsePacedMs'], undefined);
  const seconds = Number(await secondsOf('messages 1/h by stream'));
  assert.ok(
    Math.abs(seconds * 1000 - Number(requestPacedMs)) < 2,
    `${seconds} s, ${String(requestPacedMs)} ms`,
  );
});

test('a stream that no limit has held back says nothing of it', async (t) => {
  const { proxy, client } = await start(t, [
    messages(few(100)),
    messages({ ...few(100), direction: 'response' }),
  ]);
  const stream = client.streamAudio();
  for (const sequence of upTo(3)) stream.send({ sequence });
  stream.finish();
  assert.deepEqual(await sequences(stream), upTo(3));
  assert.equal((await stream.outcome).code, status.OK);
  assert.doesNotMatch(JSON.stringify(await proxy.record()), /PacedMs/);
});

test('a deadline ends a held call, and the log names the limit', async (t) => {
  const { proxy, client } = await start(t, [messages(few(1))]);
  const stream = client.streamAudio({ deadlineMs: 1500 });
  for (const sequence of upTo(3)) stream.send({ sequence });
  assert.equal((await stream.outcome).code, status.DEADLINE_EXCEEDED);
  const { reason } = await proxy.record();
  assert.match(reason, /paced by a limit: 1 message each hour/);
});

test('a half-closed stream that is held is not lost by a drain', async (t) => {
  const { proxy, client } = await start(t, [messages({ rate: '5/s', burst: 1 })], {}, undefined, '60s');
  const stream = client.streamAudio();
  for (const sequence of upTo(8)) stream.send({ sequence });
  stream.finish();
  assert.equal((await stream.next())?.sequence, 0);
  const drained = proxy.proxy.drain();
  assert.deepEqual(await sequences(stream), upTo(8).slice(1));
  assert.equal((await stream.outcome).code, status.OK);
  await drained;
});

for (const [direction, from] of [
  ['request', 'client'],
  ['response', 'service'],
] as const) {
  test(`a stream ends when its ${direction} has more messages than its limit, after those within it`, async (t) => {
    const { proxy, client } = await start(t, [messages({ ...few(5), direction, exceed: 'end' })]);
    const stream = client.streamAudio();
    for (const sequence of upTo(5)) {
      stream.send({ sequence });
      assert.equal((await stream.next())?.sequence, sequence);
    }
    stream.send({ sequence: 5 });
    assert.equal(await stream.next(), undefined);
    const { code, details, trailingMetadata } = await stream.outcome;
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(
      details,
      new RegExp(
        `^The messages of this call are beyond the limit of route voice: 1 message each hour from the ${from}, 5 messages at once; call again in \\d+ \\w+\\. \\(FG3041\\)$`,
      ),
    );
    const [pushback] = trailingMetadata.get('grpc-retry-pushback-ms');
    assert.ok(Number(pushback) > 3_000_000 && Number(pushback) <= 3_600_000, String(pushback));
    const record = await proxy.record();
    assert.match(record.reason, /^message_limit: .* The limit is counted by stream \(limits\[0\]\)\.$/);
    assert.equal(record['endedBy'], 'framegate');
  });
}

test('calls of one client share a limit by client, and end each by itself', async (t) => {
  const { client } = await start(t, [bytes({ rate: '1/h', burst: 60, by: ['client'], exceed: 'end' })]);
  const codes: number[] = [];
  for (let calls = 0; calls < 6; calls++) codes.push((await client.say({ text: 'ten bytes.' })).code);
  // A message of 12 bytes, and 5 of its prefix.
  assert.deepEqual(codes, [0, 0, 0, 8, 8, 8]);
});

for (const direction of ['request', 'response'] as const) {
  test(`a message of the ${direction} that is too large ends the call before it has passed`, async (t) => {
    const { proxy, client } = await start(t, [{ messageSize: '4MiB', direction }], {}, undefined);
    const large = {
      replyAudioBytes: direction === 'response' ? 5_000_000 : 0,
      audio: Buffer.alloc(direction === 'request' ? 5_000_000 : 10),
    };
    assert.equal(
      (await client.say({ ...large, replyAudioBytes: 0, audio: Buffer.alloc(10) })).code,
      status.OK,
    );
    const { code, details } = await client.say(large);
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(
      details,
      /^A message of 50000\d\d bytes; the limit of route voice is 4194304 bytes \(messageSize\)\. \(FG3043\)$/,
    );
    const record = await proxy.record(({ grpcStatus }) => grpcStatus === 'RESOURCE_EXHAUSTED');
    assert.match(record.reason, /^message_too_large: /);
    const passed = record[direction === 'request' ? 'requestMessages' : 'responseMessages'];
    assert.equal(passed, 0);
  });
}

for (const protocol of webProtocols) {
  test(`messages of gRPC-Web over ${protocol} have the same limits`, async (t) => {
    const limits = [
      messages({ ...few(2), by: ['route'], exceed: 'end' }),
      { messageSize: 100, direction: 'both' },
    ];
    const { proxy } = await start(t, limits, { grpcWeb: true });
    const ask = async (textBytes: number): Promise<string> => {
      const request = voiceRequest('Say', { text: 'x'.repeat(textBytes) });
      const { content, headers } = await webCall(protocol, proxy.port('clear'), request);
      const trailers = parseWebBody(content).trailers ?? headers;
      return `${trailers['grpc-status']} ${trailers['grpc-message'] ?? ''}`;
    };
    assert.match(await ask(200), /^8 A message of 20\d bytes; the limit/);
    assert.match(await ask(10), /^0 /);
    assert.match(await ask(10), /^8 The messages of this call/);
  });
}

async function startWeb(
  t: TestContext,
  limits: readonly object[],
): Promise<{ proxy: ProxyUnderTest; bodies: number[] }> {
  const bodies: number[] = [];
  const server = createServer((request, response) => {
    let size = 0;
    request.on('data', (chunk: Buffer) => (size += chunk.length));
    request.on('end', () => {
      bodies.push(size);
      response.end(Buffer.alloc(size, 'r'));
    });
  });
  server.on('upgrade', (request, socket) => {
    const accept = websocketAccept(request.headers['sec-websocket-key'] ?? '');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pipe(socket);
    socket.on('error', () => undefined);
  });
  const port = await listen(t, server);
  const routes = [{ name: 'web', match: { path: '/*' }, upstream: 'web', limits }];
  const proxy = await startProxy(t, {
    endpoints: [],
    sections: { routes, upstreams: { web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] } } },
  });
  return { proxy, bodies };
}

function post(
  proxy: ProxyUnderTest,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; size: number; text: string; headers: NodeJS.Dict<unknown> }> {
  return new Promise((resolve, reject) => {
    const request = http1Request({
      port: proxy.port('clear'),
      method: 'POST',
      path: '/upload',
      headers,
      agent: false,
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const all = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          size: all.length,
          text: all.toString('latin1', 0, 300),
          headers: response.headers,
        });
      });
    });
    request.end(body);
  });
}

test('bodies over HTTP/1.1 are paced, and whole', async (t) => {
  const { proxy, bodies } = await startWeb(t, [
    bytes({ rate: '2MiB/s', burst: '100KiB', direction: 'both' }),
  ]);
  const { status: code, size } = await post(proxy, Buffer.alloc(400_000, 'x'));
  assert.deepEqual([code, size, bodies], [200, 400_000, [400_000]]);
});

test('a body beyond a limit of bytes is refused with 429 before it is whole', async (t) => {
  const { proxy, bodies } = await startWeb(t, [bytes({ rate: '1/h', burst: 1000, exceed: 'end' })]);
  const refused = await post(proxy, Buffer.alloc(2000, 'x'));
  assert.equal(refused.status, 429);
  assert.match(
    refused.text,
    /^The bytes of this call are beyond the limit of route web: 1 byte each hour from the client/,
  );
  assert.ok(Number(refused.headers['retry-after']) > 0);
  assert.deepEqual(bodies, []);
});

test('a body that is too large is refused with 413, announced or not', async (t) => {
  const { proxy, bodies } = await startWeb(t, [{ bodySize: '10KiB' }]);
  const large = Buffer.alloc(10_241, 'x');
  const announced = await post(proxy, large);
  assert.equal(announced.status, 413);
  assert.match(
    announced.text,
    /^A body of 10241 bytes or more; the limit of route web is 10240 bytes \(bodySize\)\. \(FG3043\)\n$/,
  );
  const chunked = await post(proxy, large, { 'transfer-encoding': 'chunked' });
  assert.equal(chunked.status, 413);
  assert.deepEqual(bodies, []);
  const whole = await post(proxy, large.subarray(1), { 'transfer-encoding': 'chunked' });
  assert.deepEqual([whole.status, bodies], [200, [10_240]]);
});

test('bytes of a WebSocket are paced, and none is lost', async (t) => {
  const { proxy } = await startWeb(t, [bytes({ rate: '2MiB/s', burst: 1, direction: 'both' })]);
  const socket = connect(proxy.port('clear'), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  let received = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
  });
  await eventually('it is open', () => received.includes('\r\n\r\n'));
  const head = received.indexOf('\r\n\r\n') + 4;
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  socket.write(sent);
  await eventually('all has come back', () => received.length - head === sent.length);
  assert.ok(received.subarray(head).equals(sent));
});
