// What becomes of connections to endpoints when the configuration changes: one table for both kinds of services.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { readMetrics, sumOf } from '../support/metrics-reader.ts';
import { startDemo, startRawUpstream } from '../support/proxy-under-test.ts';
import { type ReloadingProxy, type Sections, startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

interface Service {
  readonly address: string;
  /** Connections that were ever made to it, and those that are open. */
  readonly made: () => number;
  readonly open: () => number;
}

interface Kind {
  readonly protocol: 'h2c' | 'http1';
  start(t: TestContext): Promise<Service>;
  /** A call that ends well. */
  connect(t: TestContext, proxy: ReloadingProxy): Promise<() => Promise<void>>;
}

const KINDS: readonly Kind[] = [
  {
    protocol: 'h2c',
    async start(t) {
      const { address, peers } = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
      return {
        address,
        made: () => peers.length,
        open: () => peers.filter(({ isClosed }) => !isClosed).length,
      };
    },
    async connect(t, proxy) {
      const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
      t.after(() => client.close());
      return async () => assert.equal((await client.say({ text: 'a call' })).code, status.OK);
    },
  },
  {
    protocol: 'http1',
    async start(t) {
      let made = 0;
      let open = 0;
      const server = createServer((_request, response) => response.end('served')).listen(0, '127.0.0.1');
      server.on('connection', (socket) => {
        made++;
        open++;
        socket.on('close', () => open--);
      });
      t.after(() => server.closeAllConnections());
      t.after(() => server.close());
      await once(server, 'listening');
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      return { address: `127.0.0.1:${address.port}`, made: () => made, open: () => open };
    },
    async connect(_t, proxy) {
      const url = `http://127.0.0.1:${await proxy.process.port('clear')}/`;
      const admin = `127.0.0.1:${await proxy.process.port('admin')}`;
      return async () => {
        assert.equal(await (await fetch(url)).text(), 'served');
        // The client has its response before the connection is free for the next request.
        await eventually('no connection is in use', async () => {
          const samples = await readMetrics(admin);
          return sumOf(samples, 'framegate_upstream_connections', { state: 'busy' }) === 0;
        });
      };
    },
  },
];

type Endpoints = readonly [a: string, b: string, c: string];

interface Row {
  readonly change: string;
  /** Over a configuration with a and b. */
  readonly upstream?: (endpoints: Endpoints) => object;
  readonly sections?: Sections;
  /** Connections that were made to a, b and c, after calls enough for all of them before and behind the reload. */
  readonly made: readonly [number, number, number];
  /** Which of them are open. */
  readonly open: readonly [number, number, number];
}

const KEPT = { made: [1, 1, 0], open: [1, 1, 0] } as const;
const REPLACED = { made: [2, 2, 0], open: [1, 1, 0] } as const;

const ROWS: readonly Row[] = [
  { change: 'nothing', ...KEPT },
  {
    change: 'an endpoint is added',
    upstream: (all) => ({ endpoints: all }),
    made: [1, 1, 1],
    open: [1, 1, 1],
  },
  {
    change: 'an endpoint is removed',
    upstream: ([a]) => ({ endpoints: [a] }),
    made: [1, 1, 0],
    open: [1, 0, 0],
  },
  {
    change: 'an endpoint takes the place of another',
    upstream: ([a, , c]) => ({ endpoints: [c, a] }),
    made: [1, 1, 1],
    open: [1, 0, 1],
  },
  { change: 'endpoints change places', upstream: ([a, b]) => ({ endpoints: [b, a] }), ...KEPT },
  { change: 'an endpoint is named twice', upstream: ([a, b]) => ({ endpoints: [a, b, a] }), ...KEPT },
  {
    change: 'the routes differ',
    sections: { routes: [{ name: 'other', match: { path: '/*' }, upstream: 'voice' }] },
    ...KEPT,
  },
  { change: 'what clients may have differs', sections: { limits: { concurrentStreams: 50 } }, ...KEPT },
  { change: 'what services may send differs', sections: { limits: { headerFields: 150 } }, ...REPLACED },
  { change: 'its connections differ', upstream: () => ({ connections: { max: 3 } }), ...REPLACED },
];

for (const kind of KINDS) {
  const { protocol } = kind;
  test(`connections to ${protocol} services over changes of the configuration`, async (t) => {
    const nowhere = { voice: { protocol, endpoints: ['127.0.0.1:1'] } };
    const proxy = await startReloadingProxy(t, { upstreams: nowhere });
    const call = await kind.connect(t, proxy);
    for (const { change, upstream, sections = {}, made, open } of ROWS) {
      await t.test(`where ${change}`, async () => {
        const services = [await kind.start(t), await kind.start(t), await kind.start(t)] as const;
        const [a, b, c] = services.map(({ address }) => address);
        const counts = (what: 'made' | 'open') => services.map((service) => service[what]());
        const voice = { protocol, endpoints: [a, b] };
        proxy.write({ upstreams: { voice } });
        assert.equal((await proxy.reload()).status, 200);
        // Until each has a connection: calls go to those that are connected first.
        await eventually('both are connected', async () => {
          await call();
          return counts('made').join() === '1,1,0';
        });
        proxy.write({ upstreams: { voice: { ...voice, ...upstream?.([a, b, c]) } }, ...sections });
        assert.equal((await proxy.reload()).status, 200);
        await eventually('the connections are those', async () => {
          await call();
          return counts('made').join() === made.join() && counts('open').join() === open.join();
        });
        for (let more = 0; more < 10; more++) await call();
        assert.deepEqual([counts('made'), counts('open')], [made, open]);
      });
    }
  });
}

test('a stream at an endpoint that is removed goes on, also when the endpoint comes back', async (t) => {
  const [stays, leaves] = [await startDemo(t), await startDemo(t)];
  const withBoth = { voice: { endpoints: [leaves.address, stays.address] } };
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: [leaves.address] } } });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const stream = client.streamAudio();
  const talk = async (sequence: number): Promise<void> => {
    stream.send({ sequence });
    assert.equal((await stream.next())?.sequence, sequence);
  };
  await talk(1);
  proxy.write({ upstreams: { voice: { endpoints: [stays.address] } } });
  assert.equal((await proxy.reload()).status, 200);
  await talk(2);
  for (let call = 0; call < 3; call++) assert.equal((await client.say({})).code, status.OK);
  proxy.write({ upstreams: withBoth });
  assert.equal((await proxy.reload()).status, 200);
  await talk(3);
  for (let call = 0; call < 4; call++) assert.equal((await client.say({})).code, status.OK);
  stream.finish();
  assert.equal((await stream.outcome).code, status.OK);
  const { olderEpochs } = await proxy.state();
  assert.ok(olderEpochs.length <= 1);
});
