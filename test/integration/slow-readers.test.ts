// Whoever does not read stops its own stream and nobody else's, and the proxy holds no more than one window of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { status } from '../../src/demo/grpc.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage, settingsFrame, windowUpdateFrame } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

const mebibyte = 1024 * 1024;
const streamWindowBytes = 128 * 1024;
const clientWindowBytes = 65_535;
/** A window at the client, one in the proxy, and what credit is withheld until it is worth a frame. */
const mostStalledBytes = clientWindowBytes + 2 * streamWindowBytes;

setFlagsFromString('--expose-gc');

function residentBytes(): number {
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return process.memoryUsage().rss;
}

/** Answers /stalled.* with 10 MiB as fast as it may, and everything else with success. */
function pumpOrSucceed(request: RawRequest): void {
  if (request.field(':path')?.startsWith('/stalled.') !== true) {
    request.succeed();
    return;
  }
  request.sendHeaders();
  request.peer.pump(request.streamId, 10 * mebibyte);
}

test('clients that never read stop their own streams, the others keep working, memory stays bounded', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: pumpOrSucceed });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const stalled = await proxy.rawClient('tls', { givesCredit: false });
  const readers = await Promise.all(Array.from({ length: 20 }, () => proxy.rawClient('tls')));
  for (const reader of readers) await reader.outcome(reader.call());
  const before = residentBytes();
  const stalledIds = Array.from({ length: 100 }, () => stalled.call({ path: '/stalled.Service/Call' }));
  await upstream.wantRequest(readers.length + stalledIds.length - 1);
  for (let round = 0; round < 10; round++) {
    const outcomes = await Promise.all(readers.map((reader) => reader.outcome(reader.call())));
    assert.ok(outcomes.every(({ grpcStatus }) => grpcStatus === '0'));
  }
  assert.equal(upstream.peers.length, 1, 'all share one upstream connection');
  const stalledRequests = upstream.requests.filter(
    (request) => request.field(':path') === '/stalled.Service/Call',
  );
  for (const { peer, streamId } of stalledRequests) {
    assert.ok(
      peer.pumped(streamId) <= mostStalledBytes,
      `${peer.pumped(streamId)} bytes were taken from a stalled stream`,
    );
  }
  assert.ok(residentBytes() - before < 96 * mebibyte, `memory grew by ${residentBytes() - before} bytes`);
});

test('a stalled stream goes on where it stopped when its client reads again, whole and in order', async (t) => {
  const content = grpcMessage(Buffer.from(Array.from({ length: mebibyte }, (_, index) => index % 251)));
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.INITIAL_WINDOW_SIZE, 1000]],
    onRequestEnd: (request) => {
      request.sendHeaders();
      for (let at = 0; at < 100_000; at += 10_000) {
        request.peer.sendData(request.streamId, content.subarray(at, at + 10_000));
      }
      request.sendTrailers();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls', { givesCredit: false });
  const streamId = client.call();
  await eventually('the window is used up', () => client.contentOf(streamId).length === clientWindowBytes);
  // In small steps, so that every one of them ends somewhere inside a frame.
  for (let credit = 0; credit < 100_000; credit += 3333) {
    client.send(windowUpdateFrame(0, 3333), windowUpdateFrame(streamId, 3333));
  }
  const outcome = await client.outcome(streamId);
  assert.ok(outcome.content.equals(content.subarray(0, 100_000)));
  assert.equal(outcome.grpcStatus, '0');
});

test('an upstream that does not read an upload stops that upload and no other call', async (t) => {
  const upstream = await startRawUpstream(t, {
    givesCredit: false,
    onRequest: (request) => {
      if (request.field(':path')?.startsWith('/stalled.') !== true) request.succeed();
      else request.sendHeaders();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const uploader = await proxy.rawClient('tls');
  const other = await proxy.rawClient('tls');
  const uploads = Array.from({ length: 8 }, () =>
    uploader.call({ path: '/stalled.Service/Upload', endStream: false }),
  );
  for (const streamId of uploads) uploader.pump(streamId, 10 * mebibyte);
  await upstream.wantRequest(7);
  await eventually('the connection window of the upstream is used up', () => {
    const received = upstream.requests.reduce((total, request) => total + request.body.length, 0);
    return received === clientWindowBytes;
  });
  for (let call = 0; call < 20; call++) {
    assert.equal((await other.outcome(other.call())).grpcStatus, '0');
  }
  for (const streamId of uploads) {
    assert.ok(uploader.pumped(streamId) <= mostStalledBytes, `${uploader.pumped(streamId)} bytes were taken`);
  }
});

test('a stalled upload goes on when the upstream reads again', async (t) => {
  const upstream = await startRawUpstream(t, { givesCredit: false });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const streamId = client.call({ endStream: false });
  const total = 300_000;
  client.pump(streamId, total);
  const request = await upstream.wantRequest();
  await eventually('the window is used up', () => request.body.length === clientWindowBytes);
  request.peer.send(windowUpdateFrame(0, mebibyte), windowUpdateFrame(request.streamId, mebibyte));
  await eventually('everything arrives', () => request.body.length === total);
  client.sendData(streamId, Buffer.alloc(0), true);
  await eventually('the end arrives', () => request.hasEnded);
});

test('a cancelled stalled stream gives its memory and its stream back', async (t) => {
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]],
    onRequest: pumpOrSucceed,
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
  const client = await proxy.rawClient('tls', { givesCredit: false });
  for (let round = 0; round < 30; round++) {
    const streamId = client.call({ path: '/stalled.Service/Call' });
    const request = await upstream.wantRequest(round);
    await eventually(
      'the proxy is full',
      () => request.peer.pumped(request.streamId) > streamWindowBytes / 2,
    );
    client.sendReset(streamId, 8);
    await request.peer.wantReset(request.streamId);
  }
});

test('a deadline ends a stalled call too, and frees its upstream stream', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: pumpOrSucceed });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls', { givesCredit: false });
  // The connection to the service is open when the deadline begins to run.
  await client.outcome(client.call());
  const streamId = client.call({ path: '/stalled.Service/Call', fields: [['grpc-timeout', '200m']] });
  const request = await upstream.wantRequest(1);
  await request.peer.wantReset(request.streamId);
  client.send(windowUpdateFrame(0, mebibyte), windowUpdateFrame(streamId, mebibyte));
  const outcome = await client.outcome(streamId);
  assert.equal(new Map(outcome.trailers).get('grpc-status'), String(status.DEADLINE_EXCEEDED));
});

test('windows that change in the middle of a call are obeyed, negative ones too', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: pumpOrSucceed });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls', {
    givesCredit: false,
    settings: [[SettingId.INITIAL_WINDOW_SIZE, 20_000]],
  });
  const streamId = client.call({ path: '/stalled.Service/Call' });
  await eventually('the first window is used up', () => client.contentOf(streamId).length === 20_000);
  // Lowered below what is used already: 20,000 - 15,000 bytes of credit bring nothing, one more does.
  client.send(settingsFrame([[SettingId.INITIAL_WINDOW_SIZE, 5_000]]));
  client.send(windowUpdateFrame(streamId, 15_000));
  client.send(windowUpdateFrame(streamId, 1));
  await eventually('one byte more', () => client.contentOf(streamId).length >= 20_001);
  assert.equal(client.contentOf(streamId).length, 20_001);
});

test('a small answer is not starved by a large one that waits for the same connection window', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: pumpOrSucceed });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls', {
    givesCredit: false,
    settings: [[SettingId.INITIAL_WINDOW_SIZE, 100 * mebibyte]],
  });
  const large = client.call({ path: '/stalled.Service/Call' });
  await eventually(
    'the connection window is used up',
    () => client.contentOf(large).length === clientWindowBytes,
  );
  const small = client.call();
  // Its headers need no window, its message does.
  await client.wantHeaders(small);
  for (let round = 1; round <= 20 && client.contentOf(small).length === 0; round++) {
    const expected = clientWindowBytes + round * 1000;
    client.send(windowUpdateFrame(0, 1000));
    await eventually('the credit is used up', () => {
      return client.contentOf(large).length + client.contentOf(small).length >= expected - 5;
    });
  }
  assert.equal(client.contentOf(small).length, 5);
});

test('what the log says of a call past its deadline is what its client got', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      if (request.field(':path')?.startsWith('/never.') === true) return;
      request.sendHeaders();
      for (let message = 0; message < 10; message++) request.sendMessage(Buffer.alloc(10_000));
      request.sendTrailers();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls', { givesCredit: false });
  const later = await proxy.rawClient('tls');
  // The connection to the service is open when the deadline begins to run.
  await later.outcome(later.call({ path: '/first.Service/Call' }));
  const streamId = client.call({ fields: [['grpc-timeout', '500m']] });
  await eventually('the window is used up', () => client.contentOf(streamId).length === clientWindowBytes);
  // Another call, begun later with a longer deadline: when that has passed, the first one's has too.
  await later.outcome(later.call({ path: '/never.Answered/Call', fields: [['grpc-timeout', '600m']] }));
  client.send(windowUpdateFrame(0, mebibyte), windowUpdateFrame(streamId, mebibyte));
  const outcome = await client.outcome(streamId);
  const record = await proxy.record(({ method }) => method === '/voice.VoiceAssistant/Say');
  assert.equal(status[Number(outcome.grpcStatus)], record.grpcStatus);
});

test('finished calls that their client does not read keep no stream of the upstream', async (t) => {
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.MAX_CONCURRENT_STREAMS, 2]],
    onRequest: (request) => {
      // A unary response is whole with its end, a stream of the client's may still be open then.
      request.succeed(Buffer.from('hello'));
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
  const slow = await proxy.rawClient('tls', { settings: [[SettingId.INITIAL_WINDOW_SIZE, 0]] });
  const untaken = Array.from({ length: 6 }, (_, index) => slow.call({ endStream: index % 2 === 0 }));
  await upstream.wantRequest(untaken.length - 1);
  for (const streamId of untaken) await slow.wantHeaders(streamId);
  const other = await proxy.rawClient('tls');
  assert.equal((await other.outcome(other.call())).grpcStatus, '0');
  for (const streamId of untaken) {
    assert.equal(slow.outcomeSoFar(streamId).grpcStatus, undefined);
    slow.send(windowUpdateFrame(streamId, 100));
    const outcome = await slow.outcome(streamId);
    assert.deepEqual([outcome.grpcStatus, outcome.content.subarray(5).toString()], ['0', 'hello']);
  }
});
