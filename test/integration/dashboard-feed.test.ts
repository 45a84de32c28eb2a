// GET /api/dashboard through a whole proxy, of one process and of workers: what is counted, what is said of endpoints and reloads, and that
// nothing goes back when a worker dies.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';
import type { DashboardFigures, RouteFigures, UpstreamFigures } from '../../src/admin/dashboard-figures.ts';
import { MOST_DASHBOARD_READERS } from '../../src/admin/dashboard-stream.ts';
import { DashboardReader } from '../support/dashboard-reader.ts';
import { eventually } from '../support/eventually.ts';
import { webCall } from '../support/grpc-web-client.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';
import { type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';

const MESSAGE = grpcMessage(Buffer.from('hello'));
const SECRET = 'a-secret-of-a-route';

interface Scene {
  readonly proxy: ReloadingProxy;
  readonly service: string;
  readonly held: readonly RawRequest[];
  readonly client: () => Promise<RawClient>;
  readonly read: () => Promise<DashboardReader>;
}

const ROUTES = [
  { name: 'calls', match: { path: '/s.S/*' }, upstream: 'one' },
  { name: 'held', match: { path: '/held.S/*' }, upstream: 'one' },
  { name: 'down', match: { path: '/down.S/*' }, upstream: 'down' },
  { name: 'closed', match: { path: '/closed.S/*' }, respond: { status: 503 } },
  { name: 'moved', match: { path: '/moved.S/*' }, redirect: { to: 'https' } },
  { name: 'web', match: { path: '/web.S/*' }, upstream: 'web' },
  { name: 'guarded', match: { path: '/g.S/*', headers: { authorization: SECRET } }, upstream: 'one' },
];

/** Starts a proxy whose service answers at once, except for calls of /held.S/. @param processes how many carry calls */
async function start(t: TestContext, processes: number): Promise<Scene> {
  const held: RawRequest[] = [];
  const service = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      const path = request.field(':path') ?? '';
      if (path.startsWith('/held.S/')) held.push(request);
      else if (path === '/s.S/Wrong')
        request.sendTrailers([
          [':status', '200'],
          ['content-type', 'application/grpc'],
          ['grpc-status', '3'],
        ]);
      else request.succeed(Buffer.from('answer'));
    },
  });
  const proxy = await startReloadingProxy(t, {
    workers: processes,
    routes: ROUTES,
    upstreams: {
      one: { endpoints: [service.address] },
      down: { endpoints: ['127.0.0.1:1'] },
      web: { protocol: 'http1', endpoints: ['127.0.0.1:1'] },
    },
    log: { level: 'info', access: false },
  });
  const [port, admin] = [await proxy.process.port('clear'), await proxy.process.port('admin')];
  return {
    proxy,
    held,
    service: service.address,
    client: async () => {
      const client = await connectRawClient({ port });
      t.after(() => client.destroy());
      return client;
    },
    read: async () => {
      const reader = new DashboardReader(admin);
      t.after(() => reader.stream.close());
      await reader.opened();
      return reader;
    },
  };
}

async function call(client: RawClient, path: string, count = 1): Promise<void> {
  for (let made = 0; made < count; made++) await client.outcome(client.call({ path, body: MESSAGE }));
}

function routeOf({ routes }: DashboardFigures, name: string): RouteFigures {
  const route = routes.find((one) => one.route === name);
  assert.ok(route !== undefined, `there is no route ${name}`);
  return route;
}

function upstreamOf({ upstreams }: DashboardFigures, name: string): UpstreamFigures {
  const upstream = upstreams.find((one) => one.upstream === name);
  assert.ok(upstream !== undefined, `there is no upstream ${name}`);
  return upstream;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

for (const processes of [1, 2])
  suite(`the feed of the dashboard with ${processes} process(es)`, () => {
    test('calls are counted by route, with how they ended, what they carried and how long they took', async (t) => {
      const { client, read, held, service, proxy } = await start(t, processes);
      const reader = await read();
      const callers = await Promise.all([client(), client(), client()]);
      for (const caller of callers) await call(caller, '/s.S/C', 4);
      await call(callers[0], '/s.S/Wrong', 2);
      await call(callers[1], '/nowhere');
      callers[2].call({ path: '/held.S/C', body: MESSAGE });
      await eventually('the service has the call', () => held[0]);
      const refused = connect(await proxy.process.port('tls'), '127.0.0.1');
      refused.end('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
      await readText(refused);
      const figures = await reader.figures(
        'all is counted',
        ({ totals }) => totals.started >= 16 && totals.refusedClients >= 1 && totals.inFlight === 1,
      );
      const calls = routeOf(figures, 'calls');
      assert.deepEqual(
        [calls.started, calls.ok, calls.clientFault, calls.failed, calls.inFlight],
        [14, 12, 2, 0, 0],
      );
      assert.deepEqual(calls.upstreams, ['one']);
      assert.equal(sum(calls.durations), 14);
      assert.equal(sum(calls.firstMessages), 12);
      assert.equal(routeOf(figures, '').clientFault, 1, 'no route matches it: a mistake of the client');
      assert.deepEqual([routeOf(figures, 'held').inFlight, routeOf(figures, 'held').started], [1, 1]);
      const { totals } = figures;
      assert.equal(totals.ok + totals.clientFault + totals.failed + totals.inFlight, 16);
      assert.equal(sum(totals.durations), 15);
      assert.ok(totals.requestMessages >= 15 && totals.requestBytes > 0 && totals.responseBytes > 0);
      const [endpoint] = upstreamOf(figures, 'one').endpoints;
      assert.deepEqual(
        [endpoint.endpoint, endpoint.state, endpoint.answered, endpoint.inFlight],
        [service, 'in_use', 14, 1],
      );
      const carriers = figures.processes.filter(({ carries }) => carries !== undefined);
      assert.equal(carriers.length, processes);
      assert.equal(sum(carriers.map(({ carries }) => carries?.calls ?? 0)), 1);
      assert.ok(figures.processes.every(({ cpuSeconds = 0 }) => cpuSeconds > 0));
      const { diagnoses } = await reader.facts('the refused client is shown', (facts) =>
        (facts.diagnoses?.recent ?? []).some(({ listener }) => listener === 'tls'),
      );
      const [{ code, sentence }] = diagnoses?.recent ?? [];
      assert.ok(sentence !== '' && (diagnoses?.remedies[code] ?? '') !== '');
    });

    test('what a route answers itself has not failed, and a connection that is refused is no call at an endpoint', async (t) => {
      const { client, read, proxy } = await start(t, processes);
      const caller = await client();
      await call(caller, '/closed.S/C', 2);
      await call(caller, '/moved.S/C', 3);
      for (const path of ['/closed.S/page', '/moved.S/page', '/web.S/page'])
        await webCall('http2', await proxy.process.port('clear'), { method: 'GET', path });
      const reader = await read();
      const figures = await reader.figures('all is counted', ({ totals }) => totals.started === 8);
      const of = (name: string): readonly number[] => {
        const { ok, clientFault, failed } = routeOf(figures, name);
        return [ok, clientFault, failed];
      };
      assert.deepEqual(
        [of('closed'), of('moved'), of('web')],
        [
          [0, 3, 0],
          [1, 3, 0],
          [0, 0, 1],
        ],
      );
      const [endpoint] = upstreamOf(figures, 'web').endpoints;
      assert.equal(endpoint.state, 'unreachable');
      assert.deepEqual([endpoint.answered, endpoint.failed, endpoint.givenUp, endpoint.lost], [0, 0, 0, 0]);
    });

    test('an endpoint that a reload adds is known since then, and the others since they were', async (t) => {
      const { proxy, read, service } = await start(t, processes);
      const reader = await read();
      const [{ sinceEpochMs: first }] = upstreamOf(
        await reader.figures('there are figures', () => true),
        'one',
      ).endpoints;
      // Times are whole seconds.
      await eventually('two seconds have passed', () => Date.now() >= first + 2000);
      proxy.write({
        routes: ROUTES,
        upstreams: {
          one: { endpoints: [service, '127.0.0.1:2'] },
          down: { endpoints: ['127.0.0.1:1'] },
          web: { protocol: 'http1', endpoints: ['127.0.0.1:1'] },
        },
      });
      assert.equal((await proxy.reload()).status, 200);
      const figures = await reader.figures(
        'the endpoint is there',
        (now) => upstreamOf(now, 'one').endpoints.length === 2,
      );
      const [old, added] = upstreamOf(figures, 'one').endpoints;
      assert.ok(Math.abs(old.sinceEpochMs - first) <= 1000, 'the first is known as long as before');
      assert.ok(added.sinceEpochMs > first, `${added.sinceEpochMs} is not later than ${first}`);
    });

    test('an endpoint that cannot be reached is shown with its reason and what has become of it', async (t) => {
      const { client, read } = await start(t, processes);
      await call(await client(), '/down.S/C');
      const reader = await read();
      await reader.figures('the endpoint is unreachable', (figures) =>
        upstreamOf(figures, 'down').endpoints.every(({ state }) => state === 'unreachable'),
      );
      const { endpoints } = await reader.facts('there is a reason', (facts) =>
        (facts.endpoints?.endpoints ?? []).some(
          ({ reasons, history }) => reasons.length > 0 && history.length > 0,
        ),
      );
      const [down] = endpoints?.endpoints ?? [];
      assert.deepEqual([down.upstream, down.endpoint], ['down', '127.0.0.1:1']);
      assert.match(down.reasons[0].sentence, /127\.0\.0\.1:1/);
      assert.equal(down.history[0].to, 'unreachable');
      assert.ok(down.history[0].atEpochMs <= Date.now());
    });

    test('a reload shows what it has changed, one that is refused shows why, and no secret shows', async (t) => {
      const { proxy, read } = await start(t, processes);
      const reader = await read();
      const { configuration: first, certificates } = await reader.facts(
        'the first facts are there',
        ({ configuration, certificates: known }) => configuration !== undefined && known !== undefined,
      );
      assert.equal(first?.changes, undefined);
      assert.equal(first?.reloads.last, undefined);
      assert.ok(certificates?.some(({ name, daysLeft }) => name === 'tls' && daysLeft > 0));
      proxy.write({
        drain: { timeout: '7s' },
        routes: ROUTES.map((route) => ({ ...route, timeouts: { idle: '1h' } })),
      });
      assert.equal((await proxy.reload()).status, 200);
      const { configuration: second } = await reader.facts(
        'the second epoch is shown',
        ({ configuration }) => configuration?.epoch === 2 && configuration.reloads.reloaded === 1,
      );
      assert.notEqual(second?.hash, first?.hash);
      assert.deepEqual(
        second?.changes?.entries.find(({ path }) => path === 'drain.timeout'),
        { path: 'drain.timeout', before: '0s', after: '7s' },
      );
      assert.equal(second?.reloads.last?.result, 'reloaded');
      proxy.writeText('listeners: no\n');
      assert.equal((await proxy.reload()).status, 422);
      const { configuration: refused } = await reader.facts(
        'the refusal is shown',
        ({ configuration }) => configuration?.reloads.last?.result === 'refused',
      );
      assert.ok((refused?.reloads.last?.problems.length ?? 0) > 0);
      assert.equal(refused?.epoch, 2);
      assert.ok(!JSON.stringify(reader.stream.events).includes(SECRET));
    });

    test('a reader that comes later begins with what was before, and the end of the proxy is told', async (t) => {
      const { client, read, proxy } = await start(t, processes);
      const reader = await read();
      await call(await client(), '/s.S/C', 3);
      await reader.figures('the calls are counted', ({ totals }) => totals.ok === 3);
      const later = await read();
      const { history, bucketBoundsMs } = await later.opened();
      assert.equal(history.at(-1)?.ok, 3);
      assert.equal(history.at(-1)?.durations.length, bucketBoundsMs.length + 1);
      await proxy.ask('POST', '/api/drain');
      await later.stream.want('closing');
      await eventually('the stream is over', () => later.stream.hasEnded);
    });

    test('a reader that does not read costs others nothing, and one more than eight is refused', async (t) => {
      const { client, read, proxy } = await start(t, processes);
      const readers = await Promise.all(Array.from({ length: MOST_DASHBOARD_READERS }, () => read()));
      readers[0].stream.pause();
      const late = new DashboardReader(await proxy.process.port('admin'));
      t.after(() => late.stream.close());
      await eventually('the ninth is refused', () => late.stream.status === 503);
      await call(await client(), '/s.S/C', 5);
      for (const reader of readers.slice(1))
        await reader.figures('the calls are counted', ({ totals }) => totals.ok === 5);
      readers[1].stream.close();
      await eventually('a place is free', async () => {
        const next = new DashboardReader(await proxy.process.port('admin'));
        await eventually('there is an answer', () => next.stream.status !== 0);
        next.stream.close();
        return next.stream.status === 200;
      });
    });
  });

test('what a worker has counted stays when it dies, its calls have failed, and the restart is counted', async (t) => {
  const { client, read, held } = await start(t, 2);
  const reader = await read();
  const callers = await Promise.all([client(), client(), client(), client()]);
  for (const caller of callers) await call(caller, '/s.S/C', 5);
  for (const caller of callers) caller.call({ path: '/held.S/C', body: MESSAGE });
  await eventually('the service has the calls', () => held.length === 4);
  const before = await reader.figures(
    'all is counted',
    ({ totals }) => totals.ok === 20 && totals.inFlight === 4,
  );
  const busy = before.processes.find(({ carries }) => (carries?.calls ?? 0) > 0);
  assert.ok(busy !== undefined);
  const lost = busy.carries?.calls ?? 0;
  process.kill(busy.pid, 'SIGKILL');
  const after = await reader.figures(
    'another worker serves',
    ({ workerRestarts, processes }) =>
      workerRestarts === 1 &&
      processes.filter(({ state, carries }) => state === 'serving' && carries !== undefined).length === 2,
  );
  assert.deepEqual([after.totals.ok, after.totals.failed, after.totals.inFlight], [20, lost, 4 - lost]);
  assert.equal(after.totals.started, before.totals.started);
  assert.equal(routeOf(after, 'calls').ok, 20);
  assert.equal(routeOf(after, 'held').failed, lost);
});

test('a web page of another server may not read the feed', async (t) => {
  const { proxy } = await start(t, 1);
  const port = await proxy.process.port('admin');
  const url = `http://127.0.0.1:${port}/api/dashboard`;
  const foreign = await fetch(url, { headers: { origin: 'http://web.example' } });
  assert.equal(foreign.status, 403);
  await foreign.body?.cancel();
  const own = await fetch(url, { headers: { origin: `http://127.0.0.1:${port}` } });
  assert.equal(own.status, 200);
  await own.body?.cancel();
  const head = await fetch(url, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});
