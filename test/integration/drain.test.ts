// How the process stops: running calls end as they would have, new ones go elsewhere, and it ends with code 0.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyProcess, startProxyProcess } from '../support/proxy-process.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { goAwayFrame, rawFrame } from '../support/raw-frames.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

async function connectTo(t: TestContext, proxy: ProxyProcess): Promise<TestVoiceClient> {
  const client = connectVoiceClient({ address: `localhost:${await proxy.port('tls')}`, ca: proxy.caPem });
  t.after(() => client.close());
  return client;
}

test('200 open streams outlive SIGTERM, finish in their own time, and the exit code is 0', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxyProcess(t, {
    endpoints: [demo.address],
    sections: { drain: { timeout: 'off' }, limits: { concurrentStreams: 50 } },
  });
  const clients = await Promise.all(Array.from({ length: 4 }, () => connectTo(t, proxy)));
  const streams = clients.flatMap((client) => Array.from({ length: 50 }, () => client.streamAudio()));
  await Promise.all(streams.map((stream) => stream.headers));
  proxy.signal('SIGTERM');
  await eventually('it drains', () => proxy.lines().some(({ msg }) => msg === 'draining'));
  for (let sequence = 1; sequence <= 5; sequence++) {
    for (const stream of streams) stream.send({ sequence, audio: Buffer.alloc(640) });
    for (const stream of streams) assert.equal((await stream.next())?.sequence, sequence);
  }
  assert.equal(proxy.hasExited, false);
  for (const stream of streams) stream.finish();
  for (const stream of streams) {
    const outcome = await stream.outcome;
    assert.equal(status[outcome.code], 'OK', outcome.details);
  }
  assert.equal(await proxy.exit(), 0);
  const records = proxy.lines().filter(({ endedBy }) => endedBy !== undefined);
  assert.equal(records.length, 200, 'the log is complete');
  assert.ok(records.every(({ grpcStatus }) => grpcStatus === 'OK'));
});

test('a process without calls ends at once on SIGTERM, even with clients connected', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxyProcess(t, {
    endpoints: [demo.address],
    sections: { drain: { timeout: 'off' } },
  });
  const client = await connectTo(t, proxy);
  assert.equal(status[(await client.say({})).code], 'OK');
  const idle = await connectRawClient({ port: await proxy.port('clear') });
  t.after(() => idle.destroy());
  proxy.signal('SIGTERM');
  assert.equal(await proxy.exit(), 0);
});

test('connections that have said nothing do not keep the process from ending', async (t) => {
  const proxy = await startProxyProcess(t, { sections: { drain: { timeout: 'off' } } });
  for (const listener of ['tls', 'clear']) {
    const socket = connect({ host: '127.0.0.1', port: await proxy.port(listener) });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
  }
  proxy.signal('SIGTERM');
  // Well below the time that a listener gives such a connection.
  await eventually('the process ends', () => proxy.hasExited, 7000);
  assert.equal(await proxy.exit(), 0);
});

test('a second signal ends the process at once', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxyProcess(t, {
    endpoints: [demo.address],
    sections: { drain: { timeout: 'off' } },
  });
  const client = await connectTo(t, proxy);
  const stream = client.streamAudio();
  await stream.headers;
  proxy.signal('SIGTERM');
  await eventually('it drains', () => proxy.lines().some(({ msg }) => msg === 'draining'));
  assert.equal(proxy.hasExited, false);
  proxy.signal('SIGTERM');
  assert.equal(await proxy.exit(), 1);
  assert.equal(status[(await stream.outcome).code], 'UNAVAILABLE');
});

test('calls that outlast drain.timeout end with UNAVAILABLE in their trailers, and the exit code is 0', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxyProcess(t, {
    endpoints: [demo.address],
    sections: { drain: { timeout: '200ms' } },
  });
  const client = await connectTo(t, proxy);
  const streams = Array.from({ length: 20 }, () => client.streamAudio());
  await Promise.all(streams.map((stream) => stream.headers));
  const unanswered = client.say({ delayMs: 60_000 });
  await eventually('the unary call runs', () => demo.counters.Say.started === 1);
  proxy.signal('SIGINT');
  for (const outcome of await Promise.all([...streams.map((stream) => stream.outcome), unanswered])) {
    assert.equal(status[outcome.code], 'UNAVAILABLE', outcome.details);
    assert.match(outcome.details, /The proxy is stopping and the time for running calls is over/);
  }
  assert.equal(await proxy.exit(), 0);
  await eventually('the service sees them cancelled', () => demo.counters.StreamAudio.cancelled === 20);
  const draining = proxy.lines().filter(({ reason }) => String(reason).startsWith('draining: '));
  assert.equal(draining.length, 21);
});

test('/ready says 503 with the reason while calls drain, and /live stays 200', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxyProcess(t, {
    endpoints: [demo.address],
    sections: { drain: { timeout: 'off' }, admin: { address: '127.0.0.1:0' } },
  });
  const admin = `http://${await proxy.address('admin')}`;
  assert.equal((await fetch(`${admin}/ready`)).status, 200);
  const stream = (await connectTo(t, proxy)).streamAudio();
  await stream.headers;
  proxy.signal('SIGTERM');
  const ready = await eventually('it is not ready', async () => {
    const response = await fetch(`${admin}/ready`);
    return response.status === 503 ? response : undefined;
  });
  assert.equal(await ready.text(), 'draining');
  assert.equal((await fetch(`${admin}/live`)).status, 200);
  stream.finish();
  assert.equal(status[(await stream.outcome).code], 'OK');
  assert.equal(await proxy.exit(), 0);
});

for (const listener of ['tls', 'clear'] as const) {
  test(`a draining proxy says GOAWAY in two steps and takes what was under way between them (${listener})`, async (t) => {
    const upstream = await startRawUpstream(t);
    const proxy = await startProxy(t, {
      endpoints: [upstream.address],
      sections: { drain: { timeout: 'off' } },
    });
    const client = await proxy.rawClient(listener, { answersPing: false });
    const first = client.call();
    await upstream.wantRequest(0);
    const closing = proxy.close();
    const announcement = await client.wantGoAway();
    assert.equal(announcement.payload.readUInt32BE(0), 0x7fffffff);
    assert.equal(announcement.payload.readUInt32BE(4), 0);
    const ping = await client.want('PING', ({ type }) => type === FrameType.PING);
    // Sent before the client could know: it must not be lost.
    const second = client.call();
    client.send(rawFrame(FrameType.PING, 1, 0, ping.payload));
    await client.want('the final GOAWAY', (frame) => isFinal(frame.type, frame.payload));
    const goAways = client.frames.filter(({ type }) => type === FrameType.GOAWAY);
    assert.deepEqual(
      goAways.map(({ payload }) => payload.readUInt32BE(0)),
      [0x7fffffff, second],
    );
    // Above the last one named: the client knows that nobody will process it.
    client.call();
    for (const index of [0, 1]) (await upstream.wantRequest(index)).succeed();
    assert.equal((await client.outcome(first)).grpcStatus, '0');
    assert.equal((await client.outcome(second)).grpcStatus, '0');
    await client.wantClosed();
    await closing;
    assert.equal(upstream.requests.length, 2);
  });
}

function isFinal(type: number, payload: Buffer): boolean {
  return type === FrameType.GOAWAY && payload.readUInt32BE(0) !== 0x7fffffff;
}

test('a draining proxy takes no new connections', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { drain: { timeout: 'off' } },
  });
  const client = await proxy.rawClient('clear');
  const streamId = client.call();
  const request = await upstream.wantRequest();
  const port = proxy.port('clear');
  const closing = proxy.close();
  await client.wantGoAway();
  await assert.rejects(connectRawClient({ port }), { code: 'ECONNREFUSED' });
  request.succeed();
  assert.equal((await client.outcome(streamId)).grpcStatus, '0');
  await closing;
});

test('a call that needs a new upstream connection is still served while the proxy drains', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { drain: { timeout: 'off' } },
  });
  const client = await proxy.rawClient('tls', { answersPing: false });
  client.call();
  const running = await upstream.wantRequest(0);
  const closing = proxy.close();
  const ping = await client.want('PING', ({ type }) => type === FrameType.PING);
  running.peer.send(goAwayFrame(running.streamId, 0, 'max_age'));
  await proxy.line(({ msg }) => String(msg).includes('takes no more calls: GOAWAY'));
  const late = client.call();
  client.send(rawFrame(FrameType.PING, 1, 0, ping.payload));
  (await upstream.wantRequest(1)).succeed();
  running.succeed();
  assert.equal((await client.outcome(late)).grpcStatus, '0');
  await closing;
});

test('a client that answers no PING cannot hold up the drain', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { drain: { timeout: 'off' } },
  });
  const client = await proxy.rawClient('tls', { answersPing: false });
  await client.outcome(client.call());
  await proxy.close();
});

test('a client that does not read cannot hold up the end beyond drain.timeout', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.peer.pump(request.streamId, 1_000_000);
    },
  });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { drain: { timeout: '50ms' } },
  });
  const client = await proxy.rawClient('tls', { givesCredit: false });
  const streamId = client.call();
  await eventually('its window is used up', () => client.contentOf(streamId).length === 65_535);
  await proxy.close();
  const outcome = await client.outcome(streamId);
  assert.equal(new Map(outcome.trailers).get('grpc-status'), String(status.UNAVAILABLE));
});
