// Calls that end before their time: cancelled, past their deadline, or cut off with their connection.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { parseGrpcTimeout } from '../../src/grpc/timeout.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';

const longMs = 60_000;
/** Below what src/h2/receiver.ts tolerates: a reset at this deadline is never premature, however late the proxy reads the call. */
const tolerableMs = 40;

test('a cancelled stream is cancelled at the service', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const stream = proxy.voiceClient('tls').streamAudio();
  stream.send({ sequence: 1 });
  await stream.next();
  stream.cancel();
  assert.equal((await stream.outcome).code, status.CANCELLED);
  await eventually('the service sees the cancellation', () => demo.counters.StreamAudio.cancelled === 1);
});

test('a cancelled unary call is cancelled at the service', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const controller = new AbortController();
  const call = proxy.voiceClient('tls').say({ delayMs: longMs }, { signal: controller.signal });
  await eventually('the call reaches the service', () => demo.counters.Say.started === 1);
  controller.abort();
  assert.equal((await call).code, status.CANCELLED);
  await eventually('the service sees the cancellation', () => demo.counters.Say.cancelled === 1);
});

test('the service gets RST_STREAM with CANCEL, whatever code the client used, and once', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  for (const [index, code] of [ErrorCode.CANCEL, ErrorCode.NO_ERROR, ErrorCode.INTERNAL_ERROR].entries()) {
    const streamId = client.call({ endStream: false });
    const request = await upstream.wantRequest(index);
    client.sendReset(streamId, code);
    const reset = await request.peer.wantReset(request.streamId);
    assert.equal(reset.payload.readUInt32BE(0), ErrorCode.CANCEL);
  }
  // A call behind them: whatever was to come has come.
  client.call();
  await upstream.wantRequest(3);
  assert.equal(upstream.peers[0].frames.filter(({ type }) => type === 3).length, 3);
  assert.equal(client.frames.filter(({ type }) => type === 3).length, 0, 'a reset was echoed to the client');
});

test('a deadline that passes ends the call with DEADLINE_EXCEEDED and cancels it at the service', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const client = proxy.voiceClient('tls');
  // A call that finds all connections open is at the service long before its end. One that is not has shown nothing.
  await eventually('a call that the service has got ends by its deadline', async () => {
    const { code } = await client.say({ delayMs: longMs }, { deadlineMs: 200 });
    assert.equal(code, status.DEADLINE_EXCEEDED);
    return demo.counters.Say.started > 0;
  });
  await eventually('the service sees the cancellation', () => {
    const { started, cancelled } = demo.counters.Say;
    return cancelled === started;
  });
});

test('the proxy itself ends a call whose client does not keep its own deadline', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const first = client.call();
  (await upstream.wantRequest(0)).succeed();
  await client.outcome(first);
  // The connection to the service is open: however busy the machine is, the call gets there before its end.
  const streamId = client.call({ fields: [['grpc-timeout', '50m']] });
  const request = await upstream.wantRequest(1);
  const leftMs = parseGrpcTimeout(request.field('grpc-timeout') ?? '');
  assert.ok(leftMs !== undefined && leftMs > 0 && leftMs <= 50, request.field('grpc-timeout'));
  const outcome = await client.outcome(streamId);
  assert.equal(outcome.grpcStatus, String(status.DEADLINE_EXCEEDED));
  const reset = await request.peer.wantReset(request.streamId);
  assert.equal(reset.payload.readUInt32BE(0), ErrorCode.CANCEL);
  const record = await proxy.record(({ grpcStatus }) => grpcStatus !== 'OK');
  assert.equal(record.grpcStatus, 'DEADLINE_EXCEEDED');
  assert.equal(record['endedBy'], 'framegate');
});

test('a deadline after the response has begun ends it with trailers behind what had arrived', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.sendMessage(Buffer.from('begun'));
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  // The connection to the service is open when the deadline begins to run.
  const first = client.call({ endStream: false });
  await eventually('a first response has begun', () => client.contentOf(first).length > 0);
  const streamId = client.call({ fields: [['grpc-timeout', '500m']], endStream: false });
  const outcome = await client.outcome(streamId);
  assert.deepEqual(outcome.content, grpcMessage(Buffer.from('begun')));
  assert.equal(new Map(outcome.trailers).get('grpc-status'), String(status.DEADLINE_EXCEEDED));
});

test('a timeout longer than any timer does not end the call', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamId = client.call({ fields: [['grpc-timeout', '99999999H']] });
  assert.equal((await client.outcome(streamId)).grpcStatus, '0');
  assert.equal(upstream.requests[0].field('grpc-timeout'), '99999999H');
});

test('a client that disconnects has all its calls cancelled at the service, and nobody else has', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const leaving = await proxy.rawClient('tls');
  const staying = await proxy.rawClient('tls');
  for (let call = 0; call < 50; call++) leaving.call({ path: '/leaving.Service/Call', endStream: false });
  const stays = staying.call({ path: '/staying.Service/Call', endStream: false });
  await upstream.wantRequest(50);
  leaving.destroy();
  const cancelled = upstream.requests.filter((request) => request.field(':path') === '/leaving.Service/Call');
  assert.equal(cancelled.length, 50);
  for (const request of cancelled) {
    const reset = await request.peer.wantReset(request.streamId);
    assert.equal(reset.payload.readUInt32BE(0), ErrorCode.CANCEL);
  }
  const remaining = upstream.requests.find((request) => request.field(':path') === '/staying.Service/Call');
  remaining?.succeed();
  assert.equal((await staying.outcome(stays)).grpcStatus, '0');
});

test('a client that half-closes its socket in the middle of a call has it cancelled', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  client.call({ endStream: false });
  const request = await upstream.wantRequest();
  client.socket.end();
  await request.peer.wantReset(request.streamId);
});

test('a thousand cancelled calls leave no stream behind', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const client = proxy.voiceClient('tls');
  for (let round = 0; round < 10; round++) {
    const streams = Array.from({ length: 100 }, () => client.streamAudio());
    await Promise.all(streams.map((stream) => stream.headers));
    for (const stream of streams) stream.cancel();
    await Promise.all(streams.map((stream) => stream.outcome));
  }
  // grpc-js half-closes a stream before it resets it; the service may end it in between.
  const { StreamAudio } = demo.counters;
  await eventually('the service sees them all', () => StreamAudio.cancelled + StreamAudio.completed === 1000);
  assert.equal((await client.say({})).code, status.OK);
});

test('600 calls to a service that hangs all end by their deadlines, and the connection stays', async (t) => {
  const demo = await startDemo(t);
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, {
    sections: {
      routes: [
        { match: { path: '/voice.VoiceAssistant/Say' }, upstream: 'hanging' },
        { match: { path: '/*' }, upstream: 'voice' },
      ],
      upstreams: { hanging: { endpoints: [upstream.address] }, voice: { endpoints: [demo.address] } },
    },
  });
  const client = proxy.voiceClient('tls');
  const stream = client.streamAudio();
  await stream.headers;
  for (let round = 0; round < 6; round++) {
    const calls = Array.from({ length: 100 }, () => client.say({}, { deadlineMs: tolerableMs }));
    for (const { code, details } of await Promise.all(calls))
      assert.equal(status[code], 'DEADLINE_EXCEEDED', details);
  }
  // Another call of the same client, which has nothing to do with them.
  stream.send({ sequence: 1 });
  assert.equal((await stream.next())?.sequence, 1, 'the connection was closed with the stream on it');
  stream.finish();
  assert.equal(status[(await stream.outcome).code], 'OK');
});

test('frames of a stream cancelled 5,000 calls ago hurt no other call', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      if (request.field(':path') === '/a.B/quick') request.succeed();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const cancelled = client.call({ path: '/a.B/cancelled' });
  const late = await upstream.wantRequest(0);
  client.sendReset(cancelled, 8);
  await late.peer.wantReset(late.streamId);
  const running = client.call({ path: '/a.B/running' });
  const request = await upstream.wantRequest(1);
  for (let call = 0; call < 5000; call += 100) {
    const streamIds = Array.from({ length: 100 }, () => client.call({ path: '/a.B/quick' }));
    await client.outcome(streamIds.at(-1) ?? 0);
  }
  late.succeed();
  request.succeed();
  assert.equal((await client.outcome(running)).grpcStatus, '0');
  assert.equal(upstream.peers.length, 1);
});
