// The process that exports spans, when it fails: calls go on, no process that carries them ends, what is lost is counted, and the exporter
// is started again.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { listen } from '../edges/edge-under-test.ts';
import { startGrpcCollector, startHttpCollector } from '../support/collector.ts';
import { eventually } from '../support/eventually.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import { startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const PATIENCE_MS = 60_000;
const SECRET = 'Bearer of-the-collector';

async function tracingTo(t: TestContext, exporter: string): Promise<ProxyUnderTest> {
  const demo = await startDemo(t);
  const trace = { exporter, sample: '100%', headers: { authorization: SECRET } };
  return startProxy(t, { endpoints: [demo.address], sections: { trace } });
}

async function call(proxy: ProxyUnderTest, times = 1): Promise<void> {
  const client = proxy.voiceClient('clear');
  for (let count = 0; count < times; count++) assert.equal((await client.say({ text: 'hello' })).code, 0);
}

function counted({ proxy }: ProxyUnderTest, name: string, label: string): number {
  const family = proxy.spanExport.metrics.find((one) => one.name === name);
  const values = valuesOf(family).filter(({ labels }) => Object.values(labels).includes(label));
  return values[0]?.value ?? Number.NaN;
}

function lost(proxy: ProxyUnderTest, reason: string): number {
  return counted(proxy, 'framegate_trace_spans_dropped_total', reason);
}

function exported(proxy: ProxyUnderTest): number {
  return counted(proxy, 'framegate_trace_spans_total', 'exported');
}

/** Lets an event of sockets throw in exporters that are started from now on. @returns a function that ends it */
function throwAt(t: TestContext, event: string, harm = ''): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-throwing-'));
  const file = join(folder, 'throw');
  writeFileSync(file, '');
  const preload = pathToFileURL(join(import.meta.dirname, '../support/throwing-sockets.ts'));
  const added = {
    NODE_OPTIONS: `--import=${preload.href}`,
    THROWING_EVENT: event,
    THROWING_WHILE: file,
    THROWING_HARM: harm,
  };
  const before = Object.keys(added).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, added);
  t.after(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return () => rmSync(file);
}

for (const [event, start] of [
  ['connect', startHttpCollector],
  ['free', startHttpCollector],
  ['connect', startGrpcCollector],
] as const) {
  test(`an exporter whose socket throws at '${event}' ends alone (${start.name}): calls go on, and spans again once it is over`, async (t) => {
    const stopThrowing = throwAt(t, event);
    const collector = await start(t);
    const proxy = await tracingTo(t, collector.exporter);
    const first = proxy.proxy.spanExport.pid;
    await call(proxy, 2);
    const line = await proxy.line(({ msg }) =>
      String(msg).startsWith('the process that exports spans has ended'),
    );
    assert.deepEqual([line['how'], line['error']], ['exit code 70', 'RangeError']);
    assert.match(String(line['places']), /throwing-sockets/);
    await eventually('its spans are counted', () => lost(proxy, 'exporter_ended') + exported(proxy) >= 4);
    await call(proxy, 2);
    stopThrowing();
    await eventually(
      'spans are exported again',
      async () => {
        await call(proxy);
        return collector.spans.length > 4;
      },
      PATIENCE_MS,
    );
    assert.notEqual(proxy.proxy.spanExport.pid, first);
    const log = JSON.stringify(proxy.lines());
    assert.ok(!log.includes('text-of-a-collector') && !log.includes('of-the-collector'));
  });
}

for (const [harm, how, error] of [
  ['fill the heap', 'signal SIGABRT', undefined],
  ['take memory', 'exit code 70', 'TooMuchMemory'],
] as const)
  test(`an exporter that a collector lets ${harm} without end is ended at its bound: calls go on, its spans are counted, and it is started again`, async (t) => {
    const stopHarm = throwAt(t, 'connect', harm);
    const collector = await startHttpCollector(t);
    const proxy = await tracingTo(t, collector.exporter);
    await call(proxy, 2);
    const line = await eventually(
      'it has ended',
      () =>
        proxy.lines().find(({ msg }) => String(msg).startsWith('the process that exports spans has ended')),
      PATIENCE_MS,
    );
    assert.deepEqual([line['how'], line['error']], [how, error]);
    stopHarm();
    assert.equal(lost(proxy, 'exporter_ended'), 4);
    await eventually(
      'spans are exported again',
      async () => {
        await call(proxy);
        return collector.spans.length > 0;
      },
      PATIENCE_MS,
    );
  });

test('with workers none of them ends, and the metrics say what was lost', async (t) => {
  const stopThrowing = throwAt(t, 'connect');
  const demo = await startDemo(t);
  const collector = await startHttpCollector(t);
  const proxy = await startReloadingProxy(t, {
    workers: 2,
    upstreams: { voice: { endpoints: [demo.address] } },
    trace: { exporter: collector.exporter, sample: '100%' },
  });
  const address = `localhost:${await proxy.process.port('tls')}`;
  const client = connectVoiceClient({ address, ca: proxy.process.caPem });
  t.after(() => client.close());
  const pids = (await proxy.workers()).map(({ pid }) => pid);
  const say = async (): Promise<void> => assert.equal((await client.say({ text: 'hello' })).code, 0);
  await say();
  await proxy.line('the process that exports spans has ended');
  await say();
  stopThrowing();
  await eventually(
    'spans are exported',
    async () => {
      await say();
      return collector.spans.length > 0;
    },
    PATIENCE_MS,
  );
  assert.deepEqual(
    (await proxy.workers()).map(({ pid }) => pid),
    pids,
  );
});

test('an exporter that is killed is started again, and its spans are counted', async (t) => {
  const stuck: Socket[] = [];
  const port = await listen(
    t,
    createServer((socket) => stuck.push(socket.on('error', () => undefined))),
  );
  const proxy = await tracingTo(t, `http://127.0.0.1:${port}`);
  const { pid } = proxy.proxy.spanExport;
  assert.ok(pid !== undefined);
  await call(proxy, 3);
  await eventually('it has connected', () => stuck.length > 0);
  process.kill(pid, 'SIGKILL');
  const line = await proxy.line(({ msg }) =>
    String(msg).startsWith('the process that exports spans has ended'),
  );
  assert.equal(line['how'], 'signal SIGKILL');
  assert.equal(lost(proxy, 'exporter_ended'), 6);
  await eventually('another one runs', () => (proxy.proxy.spanExport.pid ?? pid) !== pid, PATIENCE_MS);
  await call(proxy);
});

/** What a server that is no collector does to each connection. */
const HOSTILE: readonly (readonly [what: string, serve: (socket: Socket) => void])[] = [
  ['sends noise at once', (socket) => socket.write(Buffer.alloc(100_000, 0xa5))],
  [
    'sends noise after the request',
    (socket) => socket.once('data', () => socket.write(Buffer.alloc(100_000, 0x80))),
  ],
  ['resets the connection at once', (socket) => socket.resetAndDestroy()],
  ['resets it in the middle of the request', (socket) => socket.once('data', () => socket.resetAndDestroy())],
  [
    'resets it in the middle of its response',
    (socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc', () => socket.resetAndDestroy());
      }),
  ],
  [
    'answers twice, with a head that never ends',
    (socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500 \r\nx: ');
        const more = (): void => {
          while (!socket.destroyed && socket.write('y'.repeat(65_536)));
        };
        socket.on('drain', more);
        more();
      }),
  ],
  [
    'upgrades the connection',
    (socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Go\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n\0\0'),
      ),
  ],
];

/** One collector of this temper. */
async function callBesides(
  t: TestContext,
  scheme: string,
  [what, serve]: (typeof HOSTILE)[number],
): Promise<void> {
  let connections = 0;
  const port = await listen(
    t,
    createServer((socket) => {
      connections++;
      socket.on('error', () => undefined).resume();
      serve(socket);
    }),
  );
  const proxy = await tracingTo(t, `${scheme}://127.0.0.1:${port}`);
  await call(proxy, 2);
  await eventually(`it was connected to: ${what}`, () => connections > 0);
  await call(proxy, 2);
  await proxy.close();
  const results = ['exported', 'failed', 'rejected', 'dropped'];
  const sum = results.reduce(
    (total, result) => total + counted(proxy, 'framegate_trace_spans_total', result),
    0,
  );
  assert.equal(sum, 8, `each span is counted once: ${what}`);
}

for (const scheme of ['http', 'grpc'])
  test(`over ${scheme}: noise, resets and endless answers of a collector stop no call, and each span is counted once`, async (t) => {
    await Promise.all(HOSTILE.map((temper) => callBesides(t, scheme, temper)));
  });
