// Weights by load reports (`weights: orca`): what share of the calls each server gets, in one process and in several, and what is said of
// it. Shares are counted, and no test depends on when a report comes.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Proxy } from '../../src/control/proxy.ts';
import { status } from '../../src/demo/grpc.ts';
import type { Plane } from '../../src/plane/plane.ts';
import type { EndpointReport } from '../../src/plane/upstream-report.ts';
import { eventually } from '../support/eventually.ts';
import { answerUnimplemented, LoadService } from '../support/load-service.ts';
import { ObjectSource } from '../support/object-source.ts';
import {
  configOf,
  type ProxySettings,
  type ProxyUnderTest,
  proxyConfigText,
  startProxy,
} from '../support/proxy-under-test.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { startWorkers } from '../support/workers-under-test.ts';

const QUICK = { oobReportingPeriod: '100ms', blackoutPeriod: '0s', weightUpdatePeriod: '100ms' };

interface Running {
  readonly proxy: Proxy;
  readonly plane: Plane;
}

function settingsOf(
  services: readonly LoadService[],
  orca: Readonly<Record<string, unknown>> = QUICK,
  more: Readonly<Record<string, unknown>> = {},
): ProxySettings {
  const endpoints = services.map(({ address }) => address);
  return {
    sections: {
      upstreams: { voice: { endpoints, weights: { orca }, ...more } },
      admin: { address: '127.0.0.1:0' },
      log: { access: false },
    },
  };
}

/** Servers that could carry 100 calls per second, twice and five times as many. */
async function startServices(t: TestContext): Promise<[LoadService, LoadService, LoadService]> {
  return [
    await LoadService.start(t, { load: { rps: 80, cpu: 0.8 } }),
    await LoadService.start(t, { load: { rps: 80, cpu: 0.4 } }),
    await LoadService.start(t, { load: { rps: 80, cpu: 0.16 } }),
  ];
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

async function stateOf({ plane }: Running): Promise<readonly EndpointReport[]> {
  const { upstreams } = await plane.upstreams({ heldUp: false });
  return upstreams.find(({ name }) => name === 'voice')?.endpoints ?? [];
}

function describeWeights(endpoints: readonly EndpointReport[]): string {
  return endpoints.map(({ weight, weightFrom }) => `${weightFrom} ${weight.toFixed(3)}`).join(', ');
}

async function wantWeights(running: Running, wanted: string): Promise<void> {
  let found = '';
  await eventually(`the weights are ${wanted}`, async () => {
    found = describeWeights(await stateOf(running));
    return found === wanted;
  }).catch((error: unknown) => assert.fail(`${String(error)}; they are ${found}`));
}

/** How many of these calls each service gets. */
async function countCalls(
  clients: readonly TestVoiceClient[],
  services: readonly LoadService[],
  calls: number,
): Promise<readonly number[]> {
  // Every client has its connection, and every worker its connections to the services.
  for (const client of clients) for (let call = 0; call < 10; call++) await client.say({ text: 'a call' });
  const before = services.map((service) => service.calls);
  for (let call = 0; call < calls; call++) {
    const { code } = await clients[call % clients.length].say({ text: 'a call' });
    assert.equal(code, status.OK);
  }
  return services.map((service, index) => service.calls - before[index]);
}

/** 1, 2 and 5 of 8. */
function assertShares(counts: readonly number[], tolerance: number): void {
  const sum = counts.reduce((total, count) => total + count, 0);
  for (const [index, part] of [1, 2, 5].entries()) {
    const fair = (sum * part) / 8;
    assert.ok(Math.abs(counts[index] - fair) <= tolerance * fair + 2, `${counts.join(' ')} of ${sum}`);
  }
}

const WEIGHED = 'report 0.375, report 0.750, report 1.875';

for (const workers of [1, 2]) {
  const start = async (t: TestContext, settings: ProxySettings, source?: ObjectSource): Promise<Running> => {
    const sources = source === undefined ? [] : [source];
    if (workers === 1) return startProxy(t, { ...settings, sources });
    return startWorkers(t, configOf(await proxyConfigText(settings)), workers, sources);
  };

  describe(`${workers} process${workers === 1 ? '' : 'es'}`, () => {
    test('calls go to servers by the load that they report', async (t) => {
      const services = await startServices(t);
      const running = await start(t, settingsOf(services));
      await wantWeights(running, WEIGHED);
      const clients = Array.from({ length: 2 }, () => clientOf(t, running));
      assertShares(await countCalls(clients, services, 160), 0.1);
      // One stream for the machine, however many processes.
      assert.deepEqual(
        services.map(({ asked }) => asked.length),
        [1, 1, 1],
      );
      // The roles change.
      services[0].report({ rps: 80, cpu: 0.16 });
      services[2].report({ rps: 80, cpu: 0.8 });
      await wantWeights(running, 'report 1.875, report 0.750, report 0.375');
      assertShares((await countCalls(clients, services, 160)).toReversed(), 0.1);
    });

    test('a reload keeps the weights where an endpoint stays, whatever else changes', async (t) => {
      const services = await startServices(t);
      const [a, b, c] = services;
      const running = await start(t, settingsOf([a, b]));
      await wantWeights(running, 'report 0.667, report 1.333');
      const apply = async (settings: ProxySettings): Promise<void> => {
        await running.proxy.apply(configOf(await proxyConfigText(settings)));
      };
      // Another upstream object, with connections of its own.
      await apply(settingsOf([a, b], QUICK, { limits: { streams: 5000 } }));
      assert.equal(describeWeights(await stateOf(running)), 'report 0.667, report 1.333');
      // Other settings of the weights, of which no new report counts yet.
      const slow = { ...QUICK, blackoutPeriod: '1h', oobReportingPeriod: '1h', weightExpirationPeriod: '2h' };
      await apply(settingsOf([a, b], slow));
      await eventually('both are asked by new streams', () => a.asked.length === 2 && b.asked.length === 2);
      assert.equal(describeWeights(await stateOf(running)), 'report 0.667, report 1.333');
      // An endpoint that is new has the mean.
      await apply(settingsOf(services, slow));
      await wantWeights(running, 'report 0.667, report 1.333, mean 1.000');
      await eventually('the new one is asked', () => c.asked.length === 1);
      assert.deepEqual([a.asked.length, b.asked.length], [2, 2]);
      const endpoints = services.map(({ address }) => address);
      await apply({ sections: { ...settingsOf([]).sections, upstreams: { voice: { endpoints } } } });
      await wantWeights(running, 'configuration 1.000, configuration 1.000, configuration 1.000');
      const [last] = c.asked;
      for (const { peer } of [a.asked[1], b.asked[1], last]) await peer.wantClosed();
    });

    test('endpoints that a source names are asked, and those that stay keep their weight', async (t) => {
      const [a, b, c] = await startServices(t);
      const source = new ObjectSource();
      const running = await start(t, settingsOf([a, b]), source);
      await wantWeights(running, 'report 0.667, report 1.333');
      source.name('voice', [a.address, b.address, c.address]);
      await wantWeights(running, WEIGHED);
      source.name('voice', [c.address, a.address]);
      await wantWeights(running, 'report 1.667, report 0.333');
      assert.deepEqual([a.asked.length, c.asked.length], [1, 1]);
      await eventually('the stream of the one that left is closed', () => b.asked[0].peer.isClosed);
    });
  });
}

test('a worker that starts later is told the weights', async (t) => {
  const services = await startServices(t);
  const config = configOf(await proxyConfigText(settingsOf(services)));
  const running = await startWorkers(t, config, 2, []);
  await wantWeights(running, WEIGHED);
  await running.plane.replaceWorkers();
  assert.equal(describeWeights((await stateOf(running)).slice(0, 3)), WEIGHED);
  const client = clientOf(t, running);
  assertShares(await countCalls([client], services, 160), 0.1);
});

for (const balance of ['least-requests', 'random']) {
  test(`${balance} draws by the weights that are reported`, async (t) => {
    const services = await startServices(t);
    const running = await startProxy(t, settingsOf(services, QUICK, { balance }));
    await wantWeights(running, WEIGHED);
    // By chance: of 400 calls 50 with a standard deviation of 6.6, 100 with 8.7, 250 with 9.7.
    assertShares(await countCalls([clientOf(t, running)], services, 400), 0.6);
  });
}

test('an endpoint that stops to report gets the mean of the others, until it reports again', async (t) => {
  const services = await startServices(t);
  const [a, b, c] = services;
  const orca = { ...QUICK, weightExpirationPeriod: '3s' };
  const running = await startProxy(t, settingsOf(services, orca));
  const reporting = setInterval(() => {
    a.report({ rps: 80, cpu: 0.8 });
    b.report({ rps: 80, cpu: 0.4 });
  }, 100);
  t.after(() => clearInterval(reporting));
  await wantWeights(running, WEIGHED);
  await wantWeights(running, 'report 0.667, report 1.333, mean 1.000');
  const [, , third] = await countCalls([clientOf(t, running)], services, 90);
  assert.ok(Math.abs(third - 30) <= 3, String(third));
  c.report({ rps: 80, cpu: 0.16 });
  await wantWeights(running, WEIGHED);
});

test('a server that is killed and started again is weighed again', async (t) => {
  const [a, b, c] = await startServices(t);
  const running = await startProxy(t, settingsOf([a, b, c]));
  await wantWeights(running, WEIGHED);
  const { port } = c.server;
  c.server.close();
  await LoadService.start(t, { port, load: { rps: 80, cpu: 0.8 } });
  await wantWeights(running, 'report 0.750, report 1.500, report 0.750');
});

type Json = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

async function askAdmin(proxy: ProxyUnderTest): Promise<readonly Json[]> {
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const answer: unknown = await (await fetch(`http://${String(address)}/api/upstreams`)).json();
  assert.ok(isRecord(answer) && Array.isArray(answer['upstreams']));
  const [upstream]: readonly unknown[] = answer['upstreams'];
  assert.ok(isRecord(upstream) && Array.isArray(upstream['endpoints']));
  return upstream['endpoints'].filter(isRecord);
}

test('the admin server, the metrics and the log tell the weight, where it comes from, and why', async (t) => {
  const [a, b] = await startServices(t);
  const other = await LoadService.start(t, { answer: answerUnimplemented });
  const proxy = await startProxy(t, settingsOf([a, b, other]));
  await wantWeights(proxy, 'report 0.667, report 1.333, mean 1.000');
  const [first, , third] = await eventually('each is known', async () => {
    const endpoints = await askAdmin(proxy);
    return /UNIMPLEMENTED/.test(JSON.stringify(endpoints[2])) && endpoints;
  });
  assert.ok(isRecord(first['load']));
  const { ageSeconds, ...load } = first['load'];
  assert.deepEqual(load, { weight: 0.6667, from: 'report', reported: 100 });
  assert.ok(typeof ageSeconds === 'number' && ageSeconds >= 0);
  assert.equal(first['weight'], 1);
  assert.deepEqual(third['load'], {
    weight: 1,
    from: 'mean',
    why: `${other.address} has no xds.service.orca.v3.OpenRcaService (UNIMPLEMENTED): register it there, or remove weights from the upstream`,
  });
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const metrics = await (await fetch(`http://${String(address)}/metrics`)).text();
  assert.match(
    metrics,
    new RegExp(`framegate_endpoint_weight{upstream="voice",endpoint="${b.address}"} 1.33`),
  );
  assert.match(metrics, /framegate_load_reports_total{upstream="voice",result="used"} 2\n/);
  const said = proxy.lines().filter(({ msg }) => String(msg).startsWith('the load of the endpoint'));
  assert.equal(said.length, 1);
  assert.deepEqual(
    [said[0]['upstream'], said[0]['endpoint'], said[0]['level']],
    ['voice', other.address, 40],
  );
});

test('where no server reports, the weights are those of the configuration', async (t) => {
  const [a, b] = [
    await LoadService.start(t, { answer: answerUnimplemented }),
    await LoadService.start(t, { answer: answerUnimplemented }),
  ];
  const endpoints = [{ address: a.address, weight: 3 }, b.address];
  const proxy = await startProxy(t, {
    sections: { upstreams: { voice: { endpoints, weights: 'orca' } }, log: { access: false } },
  });
  await eventually('both are asked', () => a.asked.length === 1 && b.asked.length === 1);
  await wantWeights(proxy, 'configuration 3.000, configuration 1.000');
  const [first] = await countCalls([clientOf(t, proxy)], [a, b], 80);
  assert.ok(Math.abs(first - 60) <= 2, String(first));
});

test('servers that report what cannot be true change nothing', async (t) => {
  const services = await startServices(t);
  const running = await startProxy(t, settingsOf(services));
  await wantWeights(running, WEIGHED);
  const [, , c] = services;
  for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY, Number.MAX_VALUE, -0.5]) {
    c.report({ rps: value, cpu: 0.5 });
    c.report({ rps: 80, cpu: value });
  }
  await running.line(({ msg }) => String(msg).startsWith('the load of the endpoint is not known'));
  await wantWeights(running, WEIGHED);
  assertShares(await countCalls([clientOf(t, running)], services, 160), 0.1);
});
