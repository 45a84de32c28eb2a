// A stream that the upstream refuses was never processed: it is made again once, with its request exactly as it was, or
// else the client is told that it may do so itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage, windowUpdateFrame } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

const message = grpcMessage(Buffer.from('the whole request'));

/** Answers with the body it got, when all of it is here. */
function echo(request: RawRequest): void {
  request.sendHeaders();
  request.peer.sendData(request.streamId, request.body);
  request.sendTrailers();
}

test('a refused stream is made again once, with its request', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      if (upstream.requests.length === 2) request.reset(ErrorCode.REFUSED_STREAM);
      else echo(request);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  await client.outcome(client.call());
  const streamId = client.call({ path: '/a.B/refused', body: message });
  const outcome = await client.outcome(streamId);
  assert.equal(outcome.grpcStatus, '0');
  assert.deepEqual(outcome.content, message);
  assert.equal((await proxy.record(({ method }) => method === '/a.B/refused'))['attempts'], 2);
});

test('a refused stream that had waited for its connection is made again with its whole request', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      if (upstream.requests.length === 1) request.reset(ErrorCode.REFUSED_STREAM);
      else echo(request);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call({ body: message }));
  assert.equal(outcome.grpcStatus, '0');
  assert.deepEqual(outcome.content, message);
});

test('a refused stream whose request waits for the upstream is made again with every byte once', async (t) => {
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.INITIAL_WINDOW_SIZE, 6]],
    givesCredit: false,
    onRequestEnd: (request) => echo(request),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const warm = client.call();
  await client.outcome(warm);
  const streamId = client.call({ endStream: false });
  const refused = await upstream.wantRequest(1);
  client.sendData(streamId, message, true);
  await eventually('the window is used up', () => refused.body.length === 6);
  refused.reset(ErrorCode.REFUSED_STREAM);
  const again = await upstream.wantRequest(2);
  again.peer.send(windowUpdateFrame(again.streamId, 100_000));
  const outcome = await client.outcome(streamId);
  assert.equal(outcome.grpcStatus, '0');
  assert.deepEqual(outcome.content, message);
});

test('a stream refused twice ends with UNAVAILABLE, and no third attempt is made', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => request.reset(ErrorCode.REFUSED_STREAM),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call({ body: message }));
  assert.equal(outcome.resetCode, ErrorCode.REFUSED_STREAM);
  assert.equal(upstream.requests.length, 2);
  const record = await proxy.record();
  assert.equal(record.grpcStatus, 'UNAVAILABLE');
  assert.equal(record['attempts'], 2);
});

test('what a repeated call sends after its refusal follows what it had sent before', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  client.call();
  (await upstream.wantRequest(0)).succeed();
  const streamId = client.call({ endStream: false });
  const refused = await upstream.wantRequest(1);
  client.sendData(streamId, message.subarray(0, 3));
  client.sendData(streamId, message.subarray(3, 8));
  await eventually('the beginning arrives', () => refused.body.length === 8);
  refused.reset(ErrorCode.REFUSED_STREAM);
  const again = await upstream.wantRequest(2);
  await eventually('the beginning arrives again', () => again.body.length === 8);
  assert.equal(again.hasEnded, false);
  client.sendData(streamId, message.subarray(8), true);
  await eventually('the end arrives', () => again.hasEnded);
  assert.deepEqual(again.body, message);
  echo(again);
  assert.deepEqual((await client.outcome(streamId)).content, message);
});

test('a refused request too long to be kept is not made again: the client is told that it may do so', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  client.call();
  (await upstream.wantRequest(0)).succeed();
  const streamId = client.call({ endStream: false });
  const request = await upstream.wantRequest(1);
  for (let piece = 0; piece < 4; piece++) client.sendData(streamId, Buffer.alloc(15_000));
  await eventually('all of it has arrived', () => request.body.length === 60_000);
  request.reset(ErrorCode.REFUSED_STREAM);
  assert.equal((await client.outcome(streamId)).resetCode, ErrorCode.REFUSED_STREAM);
  assert.equal(upstream.requests.length, 2);
});

test('a call whose response has begun is never made again', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.reset(ErrorCode.REFUSED_STREAM);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call({ body: message }));
  assert.equal(outcome.resetCode, ErrorCode.REFUSED_STREAM);
  assert.equal(upstream.requests.length, 1);
});

test('a refused request that its client had ended with trailers is made again with the same end', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      if (upstream.requests.length === 1) request.reset(ErrorCode.REFUSED_STREAM);
      else echo(request);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamId = client.call({ body: message, endStream: false });
  client.sendHeaders(streamId, [['x-trailer', 'lost']], true);
  const outcome = await client.outcome(streamId);
  assert.equal(outcome.grpcStatus, '0');
  assert.equal(upstream.requests.length, 2);
  assert.deepEqual(outcome.content, message);
});

test('a retry gives its client no more credit than it has sent', async (t) => {
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.INITIAL_WINDOW_SIZE, 100]],
    givesCredit: false,
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  client.call();
  (await upstream.wantRequest(0)).succeed();
  const streamId = client.call({ endStream: false });
  const refused = await upstream.wantRequest(1);
  client.pump(streamId, 10_000);
  await eventually('the window is used up', () => refused.body.length === 100);
  refused.reset(ErrorCode.REFUSED_STREAM);
  const again = await upstream.wantRequest(2);
  again.peer.send(windowUpdateFrame(0, 1_000_000), windowUpdateFrame(again.streamId, 1_000_000));
  const total = 500_000;
  client.pump(streamId, total);
  await eventually('everything arrives once', () => again.body.length >= total);
  client.sendData(streamId, Buffer.alloc(0), true);
  await eventually('the end arrives', () => again.hasEnded);
  assert.equal(again.body.length, total);
  const credit = client
    .framesOf(streamId)
    .filter(({ type }) => type === FrameType.WINDOW_UPDATE)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  assert.ok(credit <= total, `${credit} bytes of credit for ${total}`);
});
