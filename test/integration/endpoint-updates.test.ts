// A source names other endpoints under running calls: streams go on, new calls go where they are to, and nothing else changes: no epoch,
// no decision that was remembered, no connection to an endpoint that stays. The same in one process and in several.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Proxy } from '../../src/control/proxy.ts';
import { status } from '../../src/demo/grpc.ts';
import type { MetricsSnapshot } from '../../src/observability/metrics-snapshot.ts';
import type { Plane } from '../../src/plane/plane.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { ObjectSource } from '../support/object-source.ts';
import {
  configOf,
  proxyConfigText,
  startDemo,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { startWorkers } from '../support/workers-under-test.ts';

const WORKERS = 2;

interface Carrying {
  readonly proxy: Proxy;
  readonly plane: Plane;
}

interface Kind {
  readonly name: string;
  readonly start: (t: TestContext, endpoints: readonly string[], source: ObjectSource) => Promise<Carrying>;
}

const sections = { log: { access: false } };

const KINDS: readonly Kind[] = [
  {
    name: 'one process',
    start: async (t, endpoints, source) => startProxy(t, { endpoints, sections, sources: [source] }),
  },
  {
    name: `${WORKERS} workers`,
    start: async (t, endpoints, source) =>
      startWorkers(t, configOf(await proxyConfigText({ endpoints, sections })), WORKERS, [source]),
  },
];

function count(
  metrics: MetricsSnapshot,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const values = valuesOf(metrics.find((family) => family.name === name));
  return values
    .filter((value) => Object.entries(labels).every(([label, wanted]) => value.labels[label] === wanted))
    .reduce((sum, { value }) => sum + value, 0);
}

class Observed {
  readonly plane: Plane;
  readonly address: string;

  constructor({ proxy, plane }: Carrying) {
    this.plane = plane;
    this.address = `localhost:${proxy.listeners.find(({ name }) => name === 'clear')?.port}`;
  }

  client(t: TestContext): TestVoiceClient {
    // A connection of its own, so that it may come to another worker.
    const client = connectVoiceClient({
      address: this.address,
      channel: { 'grpc.use_local_subchannel_pool': 1 },
    });
    t.after(() => client.close());
    return client;
  }

  async attemptsAt(endpoint: string): Promise<number> {
    const metrics = await this.plane.metrics();
    return count(metrics, 'framegate_endpoint_attempts_total', { endpoint });
  }

  async decisions(): Promise<number> {
    return count(await this.plane.metrics(), 'framegate_request_decisions_total');
  }

  async applied(): Promise<number> {
    return count(await this.plane.metrics(), 'framegate_endpoint_updates_applied_total');
  }

  /** Each process has taken over so many changes. */
  async wantApplied(changes: number): Promise<void> {
    await eventually('all processes have the endpoints', async () => {
      return (await this.applied()) === changes * this.plane.carriers;
    });
  }
}

async function say(clients: readonly TestVoiceClient[], calls: number): Promise<void> {
  for (let call = 0; call < calls; call++)
    for (const client of clients) assert.equal((await client.say({ text: 'a call' })).code, status.OK);
}

for (const { name, start } of KINDS) {
  describe(name, () => {
    test('streams go on, new calls use the endpoints named, and nothing that was decided is forgotten', async (t) => {
      const [a, b] = [await startDemo(t), await startDemo(t)];
      const source = new ObjectSource();
      const carrying = await start(t, [a.address], source);
      const observed = new Observed(carrying);
      const streams = await startTalking(t, { address: observed.address, count: 4 });
      const clients = [observed.client(t), observed.client(t), observed.client(t)];
      // Until a header block is the same each time: fields are indexed at second sight.
      await say(clients, 5);
      const decided = await observed.decisions();
      assert.ok(decided > 0);

      source.name('voice', [a.address, b.address]);
      await observed.wantApplied(1);
      await eventually('calls come to the new endpoint', async () => {
        await say(clients, 1);
        return (await observed.attemptsAt(b.address)) > 0;
      });

      source.name('voice', [b.address]);
      await observed.wantApplied(2);
      await say(clients, 2);
      const before = await observed.attemptsAt(a.address);
      await say(clients, 5);
      assert.equal(await observed.attemptsAt(a.address), before, 'no new call comes to what is gone');
      const sequences = streams.map(({ messages }) => messages);
      await eventually('the streams go on where they are', () =>
        streams.every(({ messages }, index) => messages > sequences[index] + 2),
      );

      for (let change = 1; change <= 20; change++) {
        source.name('voice', change % 2 === 1 ? [a.address, b.address] : [b.address]);
        await observed.wantApplied(2 + change);
        await say(clients, 1);
      }
      assert.equal(await observed.decisions(), decided, 'no head was decided again');
      assert.deepEqual((await observed.plane.report()).olderEpochs, [], 'the epoch is the same');
      await wantGoodEnd(streams);
    });

    test('connections to endpoints that stay are kept, by updates and by reloads beside them', async (t) => {
      const [kept, gone] = [
        await startRawUpstream(t, { onRequest: (request) => request.succeed() }),
        await startRawUpstream(t, { onRequest: (request) => request.succeed() }),
      ];
      const source = new ObjectSource();
      const carrying = await start(t, ['127.0.0.1:1'], source);
      const observed = new Observed(carrying);
      source.name('voice', [kept.address]);
      await observed.wantApplied(1);
      const clients = [observed.client(t), observed.client(t), observed.client(t), observed.client(t)];
      await say(clients, 3);
      const made = kept.peers.length;
      assert.ok(made > 0);
      for (let change = 1; change <= 5; change++) {
        source.name('voice', change % 2 === 1 ? [gone.address, kept.address] : [kept.address]);
        await observed.wantApplied(1 + change);
        await say(clients, 2);
      }
      // The endpoints in the file are the same as before, so that it has not said anything new of them.
      const text = await proxyConfigText({
        endpoints: ['127.0.0.1:1'],
        sections: { ...sections, routes: [{ name: 'other', match: { path: '/*' }, upstream: 'voice' }] },
      });
      assert.equal((await carrying.proxy.apply(configOf(text))).epoch, 2);
      await say(clients, 2);
      assert.equal(kept.peers.length, made, 'no connection more to the one that stays');
      assert.ok(kept.peers.every(({ isClosed }) => !isClosed));
    });

    test('when the file names others, they count, until the source speaks again', async (t) => {
      const [a, b, c] = [await startDemo(t), await startDemo(t), await startDemo(t)];
      const source = new ObjectSource();
      const carrying = await start(t, [a.address], source);
      const observed = new Observed(carrying);
      const clients = [observed.client(t)];
      source.name('voice', [b.address]);
      await observed.wantApplied(1);
      await say(clients, 1);
      await carrying.proxy.apply(configOf(await proxyConfigText({ endpoints: [c.address], sections })));
      await say(clients, 1);
      source.name('voice', [b.address]);
      await observed.wantApplied(2);
      await say(clients, 1);
      assert.deepEqual(
        await Promise.all([a, b, c].map(({ address }) => observed.attemptsAt(address))),
        [0, 2, 1],
      );
    });

    test('without an endpoint calls are refused, and served when one is named again', async (t) => {
      const demo = await startDemo(t);
      const source = new ObjectSource();
      const carrying = await start(t, [demo.address], source);
      const observed = new Observed(carrying);
      const client = observed.client(t);
      source.name('voice', []);
      await observed.wantApplied(1);
      const refused = await client.say({ text: 'to nobody' });
      assert.equal(refused.code, status.UNAVAILABLE);
      assert.match(refused.details, /Upstream voice has no endpoint now/);
      source.name('voice', [demo.address]);
      await observed.wantApplied(2);
      await say([client], 1);
    });
  });
}

test('a proxy that drains still follows its endpoints', async (t) => {
  const [a, b] = [await startDemo(t), await startDemo(t)];
  const source = new ObjectSource();
  const carrying = await startProxy(t, {
    endpoints: [a.address],
    sections: { ...sections, drain: { timeout: '60s' } },
    sources: [source],
  });
  const observed = new Observed(carrying);
  const streams = await startTalking(t, { address: observed.address, count: 1 });
  const drained = carrying.proxy.drain();
  source.name('voice', [b.address]);
  await observed.wantApplied(1);
  await wantGoodEnd(streams);
  await drained;
  source.name('voice', [a.address]);
  assert.equal(await observed.applied(), 1);
});

test('a worker that takes the place of another begins with what sources have said', async (t) => {
  const [a, b] = [await startDemo(t), await startDemo(t)];
  const source = new ObjectSource();
  const config = configOf(await proxyConfigText({ endpoints: [a.address], sections }));
  const carrying = await startWorkers(t, config, WORKERS, [source]);
  const observed = new Observed(carrying);
  source.name('voice', [b.address]);
  await observed.wantApplied(1);
  const before = (await carrying.plane.report()).workers ?? [];
  for (const { pid } of before) process.kill(pid, 'SIGKILL');
  await eventually(
    'others serve',
    async () => {
      const workers = (await carrying.plane.report()).workers ?? [];
      const serving = workers.filter(({ state }) => state === 'serving');
      return serving.length === WORKERS && serving.every(({ pid }) => before.every((old) => old.pid !== pid));
    },
    START_TIMEOUT_MS,
  );
  await say([observed.client(t), observed.client(t)], 3);
  assert.deepEqual([await observed.attemptsAt(a.address), await observed.attemptsAt(b.address)], [0, 6]);
});

test('a source that is not the file puts a configuration to use, and hears what is wrong with it by its own names', async (t) => {
  const [a, b] = [await startDemo(t), await startDemo(t)];
  const source = new ObjectSource();
  const proxy = await startProxy(t, { endpoints: [a.address], sources: [source] });
  const observed = new Observed(proxy);
  source.change(await proxyConfigText({ endpoints: [b.address] }));
  await eventually('it is judged', () => source.verdicts.length === 1);
  assert.equal(source.verdicts[0].outcome, 'accepted');
  assert.equal((await proxy.voiceClient('clear').say({ text: 'to b' })).code, status.OK);
  assert.equal(await observed.attemptsAt(b.address), 1);

  const listeners = [{ name: 'taken', address: `127.0.0.1:${b.address.split(':')[1]}` }];
  source.change(await proxyConfigText({ endpoints: [b.address], sections: { listeners } }));
  await eventually('it is judged', () => source.verdicts.length === 2);
  assert.equal(source.verdicts[1].outcome, 'refused');
  assert.match(
    source.findings.at(-1) ?? '',
    /^Gateway shop\/0 listeners\[0\]\.address – listener 'taken' cannot listen/,
  );
  assert.equal((await proxy.voiceClient('clear').say({ text: 'still to b' })).code, status.OK);
});
