// Endpoints whose health is checked: which of them get calls, in one process and in several, and what is said of it.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Proxy } from '../../src/control/proxy.ts';
import { status } from '../../src/demo/grpc.ts';
import type { Plane } from '../../src/plane/plane.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { HealthService, NOT_SERVING, SERVING } from '../support/health-service.ts';
import { ObjectSource } from '../support/object-source.ts';
import {
  configOf,
  type ProxySettings,
  proxyConfigText,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { startWorkers } from '../support/workers-under-test.ts';

/** Failing checks are repeated after as little as this configuration has, since no check comes faster than `interval`. */
const QUICK = { interval: '100ms', timeout: '10s', unhealthyAfter: 2 };
/** A service that does answer may need this long on a busy machine. */
const IMPATIENT = { ...QUICK, timeout: '1s' };

interface Running {
  readonly proxy: Proxy;
  readonly plane: Plane;
}

function settingsOf(
  endpoints: readonly string[],
  health: Readonly<Record<string, unknown>> = QUICK,
): ProxySettings {
  return { sections: { upstreams: { voice: { endpoints, health } }, log: { access: false } } };
}

function clientOf(t: TestContext, { proxy }: Running): TestVoiceClient {
  const port = proxy.listeners.find(({ name }) => name === 'clear')?.port;
  // A connection of its own, so that it may come to another worker.
  const client = connectVoiceClient({
    address: `localhost:${port}`,
    channel: { 'grpc.use_local_subchannel_pool': 1 },
  });
  t.after(() => client.close());
  return client;
}

/** Resolves when no call of any client comes to the service any more, however many there are. */
async function wantUnused(clients: readonly TestVoiceClient[], service: HealthService): Promise<void> {
  await eventually('no call comes to the endpoint any more', async () => {
    const before = service.calls;
    for (let call = 0; call < 4; call++) for (const client of clients) await client.say({ text: 'a call' });
    return service.calls === before;
  });
}

async function wantUsed(clients: readonly TestVoiceClient[], service: HealthService): Promise<void> {
  const before = service.calls;
  await eventually('calls come to the endpoint', async () => {
    for (const client of clients) await client.say({ text: 'a call' });
    return service.calls > before;
  });
}

for (const workers of [1, 2]) {
  const start = async (t: TestContext, settings: ProxySettings, source?: ObjectSource): Promise<Running> => {
    const sources = source === undefined ? [] : [source];
    if (workers === 1) return startProxy(t, { ...settings, sources });
    return startWorkers(t, configOf(await proxyConfigText(settings)), workers, sources);
  };

  describe(`${workers} process${workers === 1 ? '' : 'es'}`, () => {
    test('an endpoint that tells that it does not serve gets no calls until it serves again', async (t) => {
      const [a, b] = [await HealthService.start(t), await HealthService.start(t)];
      const running = await start(t, settingsOf([a.address, b.address], { ...QUICK, interval: '1h' }));
      const clients = [clientOf(t, running), clientOf(t, running), clientOf(t, running)];
      await wantUsed(clients, a);
      await eventually('there is one stream for the machine', () => a.watchCount === 1 && b.watchCount === 1);
      a.set(NOT_SERVING);
      await wantUnused(clients, a);
      await wantUsed(clients, b);
      a.set(SERVING);
      await wantUsed(clients, a);
      assert.equal(a.watchCount, 1);
    });

    test('all endpoints are used when none is healthy', async (t) => {
      const service = await HealthService.start(t, { status: NOT_SERVING });
      const running = await start(t, settingsOf([service.address]));
      await eventually('every process knows that it is unhealthy, and uses it all the same', async () => {
        const [endpoint] = (await running.plane.upstreams({ heldUp: false })).upstreams[0].endpoints;
        const { processes, usedBy, reasons } = endpoint;
        return processes === workers && usedBy === workers && reasons[0]?.processes === workers;
      });
      assert.equal((await clientOf(t, running).say({ text: 'a call' })).code, status.OK);
      // Who asks whether the upstream serves is told that it does not, and a check alone makes that true again.
      assert.deepEqual(await running.plane.unusableUpstreams(), ['voice']);
      service.set(SERVING);
      await eventually('it serves', async () => (await running.plane.unusableUpstreams()).length === 0);
    });

    test('an endpoint that gives no answer is out after the checks that were asked for', async (t) => {
      const [a, b] = [await HealthService.start(t, { methods: ['Check'] }), await HealthService.start(t)];
      const running = await start(t, settingsOf([a.address, b.address], IMPATIENT));
      const clients = [clientOf(t, running), clientOf(t, running)];
      await wantUsed(clients, a);
      a.fallSilent();
      await wantUnused(clients, a);
    });

    test('endpoints that a source names are checked, and those that stay keep what is known of them', async (t) => {
      const [a, b] = [await HealthService.start(t), await HealthService.start(t, { status: NOT_SERVING })];
      // With a second one that serves, no fewer than half are left.
      const [second, source] = [await HealthService.start(t), new ObjectSource()];
      const running = await start(t, settingsOf([a.address, second.address, b.address]), source);
      const clients = [clientOf(t, running), clientOf(t, running)];
      await wantUnused(clients, b);
      const c = await HealthService.start(t, { status: NOT_SERVING });
      source.name('voice', [a.address, second.address, b.address, c.address]);
      await eventually('the new endpoint is asked', () => c.watchCount === 1);
      await wantUnused(clients, c);
      await wantUnused(clients, b);
      assert.equal(b.watchCount, 1);
    });
  });
}

test('a worker that starts later is told what is known', async (t) => {
  const [a, b] = [await HealthService.start(t, { status: NOT_SERVING }), await HealthService.start(t)];
  const settings = settingsOf([a.address, b.address], { ...QUICK, interval: '1h' });
  const running = await startWorkers(t, configOf(await proxyConfigText(settings)), 2, []);
  const clients = [clientOf(t, running), clientOf(t, running)];
  await wantUnused(clients, a);
  await running.plane.replaceWorkers();
  const later = [clientOf(t, running), clientOf(t, running)];
  const before = a.calls;
  for (const client of later) for (let call = 0; call < 4; call++) await client.say({ text: 'a call' });
  assert.equal(a.calls, before);
});

test('each way of asking is found by itself, and said', async (t) => {
  const services = [
    await HealthService.start(t),
    await HealthService.start(t, { methods: ['Check'] }),
    await HealthService.start(t, { methods: [] }),
  ];
  const proxy = await startProxy(t, settingsOf(services.map(({ address }) => address)));
  const methods = ['grpc.health.v1 Watch', 'grpc.health.v1 Check', 'HTTP/2 round trip'];
  for (const [index, method] of methods.entries()) {
    const line = await proxy.line(
      ({ msg, endpoint }) =>
        msg === 'the health of the endpoint is asked for' && endpoint === services[index].address,
    );
    assert.equal(line['method'], method);
  }
});

test('an endpoint that is gone is out, and back when it is reached again', async (t) => {
  const port = await freePort();
  const [a, b] = [await HealthService.start(t, { port }), await HealthService.start(t)];
  const proxy = await startProxy(t, settingsOf([a.address, b.address]));
  await eventually('it is watched', () => a.watchCount === 1);
  a.server.close();
  const out = await proxy.line(({ msg }) => String(msg).startsWith('the endpoint gets no new calls: '));
  assert.equal(
    out['msg'],
    `the endpoint gets no new calls: ${a.address} refused the connection: is the service running there? (2 checks in a row have failed)`,
  );
  assert.deepEqual([out['token'], out['by'], out['level']], ['health_check_failed', 'health', 40]);
  const again = await HealthService.start(t, { port });
  await proxy.line(({ msg }) => msg === 'the endpoint gets calls again');
  await wantUsed([proxy.voiceClient('clear')], again);
});

test('type http asks over HTTP/2 where the upstream speaks it', async (t) => {
  let httpStatus = '200';
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => request.peer.sendHeaders(request.streamId, [[':status', httpStatus]], true),
  });
  const proxy = await startProxy(t, settingsOf([upstream.address], { ...QUICK, type: 'http', path: '/up' }));
  await eventually('it is asked twice', () => upstream.requests.length > 1);
  assert.equal(upstream.requests[0].field(':path'), '/up');
  httpStatus = '503';
  const out = await proxy.line(({ msg }) => String(msg).startsWith('the endpoint gets no new calls: '));
  assert.match(
    String(out['msg']),
    /answered GET \/up 503, not 200 \(2 checks in a row have failed\): the service says that it is not well/,
  );
  assert.equal(upstream.peers.length, 1, 'one connection is enough');
});
