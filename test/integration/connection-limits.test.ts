// Limits of connections in a whole proxy, with real clients: those who are there are served, whoever is too many is told by
// a reset, and the descriptors are never used up.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { CLIENT_PREFACE, FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { ChildProxy } from '../support/child-proxy.ts';
import { eventually } from '../support/eventually.ts';
import {
  configOf,
  type ProxyUnderTest,
  proxyConfigText,
  startDemo,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { grpcMessage, settingsFrame } from '../support/raw-frames.ts';
import { type AudioStream, connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

/** Closed before the proxy is, in a test that ends well. */
function clientOf(t: TestContext, proxy: ProxyUnderTest, listener: 'tls' | 'clear'): TestVoiceClient {
  const trust = listener === 'tls' ? { ca: proxy.caPem } : {};
  const client = connectVoiceClient({ address: `localhost:${proxy.port(listener)}`, ...trust });
  t.after(() => client.close());
  return client;
}

async function openStream(client: TestVoiceClient): Promise<AudioStream> {
  const stream = client.streamAudio();
  await wantEcho(stream, 1);
  return stream;
}

async function wantEcho(stream: AudioStream, sequence: number): Promise<void> {
  stream.send({ sequence, audio: Buffer.alloc(640) });
  assert.equal((await stream.next())?.sequence, sequence);
}

async function codeOf(call: Promise<{ readonly code: number }>): Promise<string | undefined> {
  return status[(await call).code];
}

/** HTTP/2 clients that connect and stay. */
function connectCrowd(t: TestContext, port: number, count: number): readonly Socket[] {
  const crowd = Array.from({ length: count }, () => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(Buffer.concat([CLIENT_PREFACE, settingsFrame([])]));
    return socket;
  });
  t.after(() => crowd.forEach((socket) => socket.destroy()));
  return crowd;
}

function turnedAway(crowd: readonly Socket[]): number {
  return crowd.filter(({ closed }) => closed).length;
}

test('whoever is too many gets UNAVAILABLE, those who are there notice nothing, and a place that is free is taken', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    sections: { limits: { connections: 3, connectionsPerAddress: 'off' } },
  });
  const clients = (['tls', 'clear', 'tls'] as const).map((listener) => clientOf(t, proxy, listener));
  const streams = await Promise.all(clients.map(openStream));
  const fourth = clientOf(t, proxy, 'tls');
  assert.equal(await codeOf(fourth.say({})), 'UNAVAILABLE');
  const line = await proxy.line(({ token }) => token === 'too_many_connections');
  assert.deepEqual([line['code'], line['detail'], line['level']], ['FG1045', '3 connections', 40]);
  for (const stream of streams) await wantEcho(stream, 2);
  const [overload] = (await proxy.plane.report()).processes;
  assert.deepEqual([overload?.connections.open, overload?.connections.most], [3, 3]);
  streams[1]?.finish();
  assert.equal(await codeOf(streams[1].outcome), 'OK');
  clients[1].close();
  await eventually('the fourth is served', async () => (await codeOf(fourth.say({}))) === 'OK');
  await wantEcho(streams[0], 3);
});

test('one address that wants them all gets a quarter, and a client from another address is served', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    sections: { limits: { connections: 20 } },
  });
  const crowd = connectCrowd(t, proxy.port('clear'), 12);
  await eventually('seven are turned away', () => turnedAway(crowd) === 7);
  const other = await proxy.rawClient('clear', { localAddress: '127.0.0.2' });
  const outcome = await other.outcome(other.call({ body: grpcMessage(Buffer.alloc(0)) }));
  assert.equal(outcome.grpcStatus, '0', outcome.grpcMessage);
  await proxy.line(({ token }) => token === 'too_many_connections_of_address');
  const lines = proxy.lines().filter(({ token }) => token === 'too_many_connections_of_address');
  assert.equal(lines.length, 1, 'once a minute for an address');
  assert.equal(lines[0]['detail'], '5 connections of 127.0.0.1');
  assert.equal((await proxy.plane.diagnoses()).counts['FG1046'], 7);
});

test('a reload changes the limits for those who come, and ends no connection', async (t) => {
  const demo = await startDemo(t);
  const settings = (most: number) => ({
    endpoints: [demo.address],
    sections: { limits: { connections: most, connectionsPerAddress: 'off' } },
  });
  const proxy = await startProxy(t, settings(3));
  const clients = Array.from({ length: 2 }, () => clientOf(t, proxy, 'clear'));
  const streams = await Promise.all(clients.map(openStream));
  await proxy.proxy.apply(configOf(await proxyConfigText(settings(1))));
  const newcomer = clientOf(t, proxy, 'clear');
  assert.equal(await codeOf(newcomer.say({})), 'UNAVAILABLE');
  for (const stream of streams) await wantEcho(stream, 2);
  await proxy.proxy.apply(configOf(await proxyConfigText(settings(3))));
  await eventually('the newcomer is served', async () => (await codeOf(newcomer.say({}))) === 'OK');
  for (const stream of streams) await wantEcho(stream, 3);
});

test('at the limit that is set by itself, every client has its upstream connection and descriptors are left', async (t) => {
  const upstream = await startRawUpstream(t, { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] });
  const proxy = await ChildProxy.start(t, {
    endpoints: [upstream.address],
    connections: { max: 100 },
    shell: 'ulimit -n 256;',
    sections: { limits: { connectionsPerAddress: 'off' }, workers: 1 },
  });
  // 0.8 x (256 - 200) / 2
  const most = 22;
  const clients = await Promise.all(
    Array.from({ length: most }, () => connectRawClient({ port: proxy.port })),
  );
  t.after(() => clients.forEach((client) => client.destroy()));
  for (const client of clients) client.call();
  await eventually('each call has a connection of its own', () => {
    const calling = upstream.peers.filter(({ frames }) =>
      frames.some(({ type }) => type === FrameType.HEADERS),
    );
    return calling.length === most;
  });
  const crowd = connectCrowd(t, proxy.port, 300);
  await eventually('all others are turned away', () => turnedAway(crowd) === crowd.length);
  const used = readdirSync(`/proc/${proxy.pid}/fd`).length;
  assert.ok(used >= 2 * most && used < 128, `${used} descriptors`);
  assert.ok(clients.every(({ isClosed }) => !isClosed));
  await eventually('the log says so', () =>
    proxy.lines().some(({ token }) => token === 'too_many_connections'),
  );
  assert.ok(!proxy.lines().some(({ token }) => token === 'listener_error'));
});
