// grpc.channelz.v1 and grpc.health.v1 of running proxies, by one process and by two workers.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Proxy } from '../../src/control/proxy.ts';
import { testCertificate } from '../support/certificates.ts';
import { type ChannelzClient, connectChannelz, type Entity, healthAt } from '../support/channelz-client.ts';
import { eventually } from '../support/eventually.ts';
import { HealthService } from '../support/health-service.ts';
import { configOf, ProxyUnderTest, proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { connectVoiceClient } from '../support/voice-client.ts';
import { startWorkers } from '../support/workers-under-test.ts';

interface Scene {
  readonly proxy: Proxy;
  readonly channelz: ChannelzClient;
  /** The address of the admin server. */
  readonly admin: string;
}

/** HealthCheckResponse.ServingStatus. */
const SERVING = 1;
const NOT_SERVING = 2;

/** With two upstreams, of which the second has an endpoint that nothing listens on. */
async function configText(admin: string, endpoint: string): Promise<string> {
  return proxyConfigText({
    sections: {
      admin: { address: admin },
      upstreams: { voice: { endpoints: [endpoint] }, nowhere: { endpoints: ['127.0.0.1:1'] } },
      routes: [
        { name: 'all', match: { path: '/*' }, upstream: 'voice' },
        { name: 'nowhere', match: { path: '/nowhere.Service/*' }, upstream: 'nowhere' },
      ],
    },
  });
}

async function start(
  t: TestContext,
  processes: number,
  text: (admin: string) => Promise<string>,
): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-channelz-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const admin = `unix:${join(folder, 'admin')}`;
  const config = configOf(await text(admin));
  const channelz = connectChannelz(admin);
  t.after(() => channelz.close());
  if (processes > 1) return { ...(await startWorkers(t, config, processes, [])), channelz, admin };
  const under = await ProxyUnderTest.start(config);
  t.after(() => under.close());
  return { proxy: under.proxy, channelz, admin };
}

function portOf(proxy: Proxy, name: string): number {
  return proxy.listeners.find((listener) => listener.name === name)?.port ?? 0;
}

/** @returns clients that have each made a call, and whose connections stay */
async function callFrom(t: TestContext, proxy: Proxy, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const client = connectVoiceClient({ address: `localhost:${portOf(proxy, 'clear')}` });
    t.after(() => client.close());
    assert.equal((await client.say({ text: 'a call' })).code, 0);
  }
}

function counts({ data }: Entity): readonly unknown[] {
  return [data['calls_started'], data['calls_succeeded'], data['calls_failed']];
}

for (const processes of [1, 2]) {
  describe(`channelz of ${processes} process${processes === 1 ? '' : 'es'}`, () => {
    test('shows upstreams, endpoints, listeners and the connections of both sides', async (t) => {
      const demo = await startDemo(t);
      const { proxy, channelz } = await start(t, processes, (admin) => configText(admin, demo.address));
      await callFrom(t, proxy, 4);
      const { channel: channels, end } = await channelz.ask('GetTopChannels');
      assert.deepEqual([channels.map(({ ref }) => ref.name), end], [['voice', 'nowhere'], true]);
      const [voice] = channels;
      assert.deepEqual([voice.data.state?.state, ...counts(voice)], ['READY', '4', '4', '0']);
      const [{ subchannel_id: id = '' }] = voice.subchannel_ref ?? [];
      const { subchannel } = await channelz.ask('GetSubchannel', { subchannel_id: id });
      const sockets = subchannel.socket_ref ?? [];
      assert.equal(subchannel.ref.name, demo.address);
      assert.ok(sockets.length >= 1 && sockets.length <= processes);
      let streams = 0;
      for (const { socket_id: socketId = '' } of sockets) {
        const { socket } = await channelz.ask('GetSocket', { socket_id: socketId });
        assert.equal(socket.remote?.tcpip_address.port, Number(demo.address.split(':')[1]));
        assert.equal(socket.remote_name, demo.address);
        streams += Number(socket.data['streams_succeeded']);
      }
      assert.equal(streams, 4);
      await wantServers(channelz, proxy);
    });

    test('has beside it the health of services, which follows a call that found no endpoint', async (t) => {
      const demo = await startDemo(t);
      const { proxy, admin } = await start(t, processes, (address) => configText(address, demo.address));
      const names = ['', 'voice', 'nowhere', 'nowhere.Service', 'unknown'];
      const health = () => Promise.all(names.map((name) => healthAt(admin, name)));
      assert.deepEqual(await health(), [SERVING, SERVING, SERVING, SERVING, 'grpc 5']);
      const raw = await connectRawClient({ port: portOf(proxy, 'clear') });
      t.after(() => raw.destroy());
      const isTold = async () => {
        // While calls come, the endpoint is tried once a second.
        await raw.outcome(raw.call({ path: '/nowhere.Service/Call', body: Buffer.alloc(5) }));
        return (await healthAt(admin, 'nowhere')) === NOT_SERVING;
      };
      await eventually('the upstream is out', isTold);
      const later = [SERVING, SERVING, NOT_SERVING, NOT_SERVING, 'grpc 5'];
      await eventually('its service is, too', async () => {
        await isTold();
        return isDeepStrictEqual(await health(), later);
      });
    });

    test('shows an endpoint that is kept out as failing, although it is connected and gets calls in a panic', async (t) => {
      const service = await HealthService.start(t);
      const { proxy, channelz } = await start(t, processes, (admin) =>
        proxyConfigText({
          sections: {
            admin: { address: admin },
            upstreams: { checked: { endpoints: [service.address], health: { interval: '100ms' } } },
            routes: [{ match: { path: '/*' }, upstream: 'checked' }],
          },
        }),
      );
      const raw = await connectRawClient({ port: portOf(proxy, 'clear') });
      t.after(() => raw.destroy());
      const call = async () =>
        (await raw.outcome(raw.call({ path: '/checked.Service/Call', body: Buffer.alloc(5) }))).grpcStatus;
      const stateAfterCall = async () => {
        assert.equal(await call(), '0');
        const { channel } = await channelz.ask('GetTopChannels');
        return channel[0].data.state?.state;
      };
      await eventually('it is connected', async () => (await stateAfterCall()) === 'READY');
      service.set(NOT_SERVING);
      await eventually('it is kept out', async () => (await stateAfterCall()) === 'TRANSIENT_FAILURE');
      const { channel } = await channelz.ask('GetTopChannels');
      const [{ subchannel_id: id = '' }] = channel[0].subchannel_ref ?? [];
      const { subchannel } = await channelz.ask('GetSubchannel', { subchannel_id: id });
      assert.ok((subchannel.socket_ref ?? []).length > 0, 'it is connected all the same');
      service.set(SERVING);
      await eventually('it is back', async () => (await stateAfterCall()) === 'READY');
    });
  });
}

async function wantServers(channelz: ChannelzClient, proxy: Proxy): Promise<void> {
  const { server: servers } = await channelz.ask('GetServers');
  assert.deepEqual(
    servers.map(({ ref, data }) => [ref.name, data['calls_succeeded']]),
    [
      ['tls', '0'],
      ['clear', '4'],
    ],
  );
  const id = servers[1].ref.server_id ?? '';
  const first = await channelz.ask('GetServerSockets', { server_id: id, max_results: 3 });
  assert.deepEqual([first.socket_ref.length, first.end], [3, false]);
  const next = Number(first.socket_ref[2].socket_id) + 1;
  const rest = await channelz.ask('GetServerSockets', { server_id: id, start_socket_id: next });
  assert.deepEqual([rest.socket_ref.length, rest.end], [1, true]);
  const [{ socket_id: socketId = '', name }] = rest.socket_ref;
  const { socket } = await channelz.ask('GetSocket', { socket_id: socketId });
  assert.equal(socket.local?.tcpip_address.port, portOf(proxy, 'clear'));
  assert.equal(name, `127.0.0.1:${socket.remote?.tcpip_address.port}`);
  assert.deepEqual([socket.data['streams_started'], socket.data['streams_failed']], ['1', '0']);
}

test('identifiers stay over a reload, for upstreams, endpoints, listeners and connections', async (t) => {
  const demo = await startDemo(t);
  let admin = '';
  const { proxy, channelz } = await start(t, 1, (address) => {
    admin = address;
    return configText(address, demo.address);
  });
  await callFrom(t, proxy, 2);
  const look = async () => {
    const { channel } = await channelz.ask('GetTopChannels');
    const { server } = await channelz.ask('GetServers');
    const { socket_ref: refs } = await channelz.ask('GetServerSockets', {
      server_id: server[1].ref.server_id ?? 0,
    });
    return {
      channels: channel.map(({ ref, subchannel_ref: subs }) => [ref, subs]),
      servers: server.map(({ ref }) => ref),
      refs,
    };
  };
  const before = await look();
  assert.equal(before.refs.length, 2);
  const changed = (await configText(admin, demo.address)).replace('"name":"all"', '"name":"renamed"');
  await proxy.apply(configOf(changed));
  assert.deepEqual(await look(), before);
});

test('a connection by TLS has its cipher, and no certificate', async (t) => {
  const demo = await startDemo(t);
  const { proxy, channelz } = await start(t, 1, (admin) => configText(admin, demo.address));
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  const client = connectVoiceClient({ address: `localhost:${portOf(proxy, 'tls')}`, ca: caPem });
  t.after(() => client.close());
  await client.say({ text: 'a call' });
  const { server } = await channelz.ask('GetServers');
  const { socket_ref: refs } = await channelz.ask('GetServerSockets', {
    server_id: server[0].ref.server_id ?? 0,
  });
  const { socket } = await channelz.ask('GetSocket', { socket_id: refs[0].socket_id ?? 0 });
  assert.match(socket.security?.tls.standard_name ?? '', /^TLS_/);
  assert.equal(JSON.stringify(socket.security).includes('MII'), false);
});

test('an endpoint that cannot be reached is a failure with its reason, and streams that are cut off have failed', async (t) => {
  const demo = await startDemo(t);
  const { proxy, channelz } = await start(t, 1, (admin) => configText(admin, demo.address));
  const raw = await connectRawClient({
    port: portOf(proxy, 'clear'),
  });
  await raw.outcome(raw.call({ path: '/nowhere.Service/Call', body: Buffer.alloc(5) }));
  const { channel } = await channelz.ask('GetTopChannels');
  assert.equal(channel[1].data.state?.state, 'TRANSIENT_FAILURE');
  const [{ subchannel_id: id = '' }] = channel[1].subchannel_ref ?? [];
  const { subchannel } = await channelz.ask('GetSubchannel', { subchannel_id: id });
  assert.match(subchannel.data.trace?.events[0].description ?? '', /127\.0\.0\.1:1 refused/);
  const stream = raw.call({
    path: '/voice.VoiceAssistant/StreamAudio',
    body: Buffer.alloc(5),
    endStream: false,
  });
  const { server } = await channelz.ask('GetServers');
  const find = async () => {
    const { socket_ref: refs } = await channelz.ask('GetServerSockets', {
      server_id: server[1].ref.server_id ?? 0,
    });
    return (await channelz.ask('GetSocket', { socket_id: refs[0].socket_id ?? 0 })).socket.data;
  };
  await eventually('the stream is open', async () => (await find())['streams_started'] === '2');
  raw.sendReset(stream, 8);
  await eventually('the stream has failed', async () => (await find())['streams_failed'] === '1');
  assert.equal((await find())['streams_succeeded'], '1');
  raw.destroy();
});
