// Collectors that are away, slow, hostile or of another mind: calls go on as if there were none, what is lost is counted, and what is
// said of it is little.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { status } from '../../src/demo/grpc.ts';
import { listen } from '../edges/edge-under-test.ts';
import { type Misbehave, startGrpcCollector, startHttpCollector } from '../support/collector.ts';
import { eventually } from '../support/eventually.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import {
  configOf,
  type ProxyUnderTest,
  proxyConfigText,
  startDemo,
  startProxy,
} from '../support/proxy-under-test.ts';

const SECRET = 'Bearer of-the-collector';

async function tracingTo(t: TestContext, exporter: string): Promise<ProxyUnderTest> {
  const demo = await startDemo(t);
  return startProxy(t, {
    endpoints: [demo.address],
    sections: { trace: { exporter, sample: '100%', headers: { authorization: SECRET } } },
  });
}

async function call(proxy: ProxyUnderTest, times = 1): Promise<void> {
  const client = proxy.voiceClient('clear');
  for (let count = 0; count < times; count++) assert.equal((await client.say({ text: 'hello' })).code, 0);
}

function spans(proxy: ProxyUnderTest, result: string): number {
  const families = proxy.proxy.spanExport.metrics;
  const family = families.find(({ name }) => name === 'framegate_trace_spans_total');
  return valuesOf(family).find(({ labels }) => labels['result'] === result)?.value ?? Number.NaN;
}

function wantCounted(proxy: ProxyUnderTest, result: string, count: number): Promise<boolean> {
  return eventually(`${count} spans ${result}`, () => spans(proxy, result) >= count);
}

function linesAbout(proxy: ProxyUnderTest, text: string): readonly string[] {
  return proxy
    .lines()
    .filter(({ msg }) => typeof msg === 'string' && msg.startsWith(text))
    .map((line) => JSON.stringify(line));
}

test('a good collector: spans are counted as exported, and nothing is said', async (t) => {
  const collector = await startHttpCollector(t);
  const proxy = await tracingTo(t, collector.exporter);
  await call(proxy, 3);
  await wantCounted(proxy, 'exported', 6);
  assert.equal(collector.headers['authorization'], SECRET);
  assert.deepEqual(linesAbout(proxy, 'spans'), []);
});

test('what is left is exported when the proxy stops', async (t) => {
  const collector = await startHttpCollector(t);
  const proxy = await tracingTo(t, collector.exporter);
  await call(proxy, 3);
  await proxy.close();
  assert.equal(collector.spans.length, 6);
});

/** What the collector does; what becomes of spans; the reason in the log. */
const TEMPERS: readonly (readonly [what: string, misbehave: Misbehave, result: string, reason: string])[] = [
  [
    'refuses what it gets',
    (response) => {
      response.writeHead(400, SECRET).end(SECRET);
      return true;
    },
    'failed',
    '400',
  ],
  [
    'answers with nothing that it should',
    (response) => {
      response.writeHead(200).end(Buffer.alloc(1000, 0xff));
      return true;
    },
    'exported',
    '',
  ],
  [
    'answers without end',
    (response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
      return true;
    },
    'failed',
    'unavailable',
  ],
];

for (const [what, misbehave, result, reason] of TEMPERS) {
  test(`a collector that ${what}: calls go on, and its text is not repeated`, async (t) => {
    const collector = await startHttpCollector(t, misbehave);
    const proxy = await tracingTo(t, collector.exporter);
    await call(proxy, 2);
    await eventually('it was asked', () => collector.requests > 0);
    if (result === 'failed') {
      const line = await proxy.line(({ msg }) => typeof msg === 'string' && msg.startsWith('spans cannot'));
      assert.deepEqual([line['reason'], line['exporter']], [reason, `${collector.exporter}/v1/traces`]);
    } else await wantCounted(proxy, result, 4);
    await call(proxy);
    assert.ok(!JSON.stringify(proxy.lines()).includes('of-the-collector'));
  });
}

test('a collector that refuses the first batch, on a proxy with few calls: one line says what is lost, and later spans are exported', async (t) => {
  let isRefusing = true;
  const collector = await startHttpCollector(t, (response) => {
    if (isRefusing) response.writeHead(401).end();
    return isRefusing;
  });
  const proxy = await tracingTo(t, collector.exporter);
  await call(proxy);
  await wantCounted(proxy, 'failed', 2);
  const line = await proxy.line(({ msg }) => String(msg).startsWith('spans cannot be exported'));
  assert.match(String(line['msg']), /their batch is given up, and they are lost$/);
  assert.deepEqual([line['reason'], line['spans']], ['401', 2]);
  const exporter = `${collector.exporter}/v1/traces`;
  const report = { exporter, exported: 0, waiting: 0, lost: 2 };
  assert.deepEqual(proxy.proxy.spanExport.report, { ...report, reason: '401' });
  isRefusing = false;
  await call(proxy);
  await wantCounted(proxy, 'exported', 2);
  await proxy.line(({ msg }) => msg === 'spans are exported again');
  assert.deepEqual(proxy.proxy.spanExport.report, { ...report, exported: 2 });
});

test('a collector that takes a batch but for some spans: they are counted apart, and one line says so', async (t) => {
  // partial_success { rejected_spans: 1, error_message: ... }
  const text = Buffer.from(SECRET);
  const partial = Buffer.concat([Buffer.from([0x08, 0x01, 0x12, text.length]), text]);
  const collector = await startHttpCollector(t, (response) => {
    response
      .writeHead(200, { 'content-type': 'application/x-protobuf' })
      .end(Buffer.concat([Buffer.from([0x0a, partial.length]), partial]));
    return true;
  });
  const proxy = await tracingTo(t, collector.exporter);
  await call(proxy, 2);
  await wantCounted(proxy, 'rejected', 1);
  await wantCounted(proxy, 'exported', 1);
  assert.equal(spans(proxy, 'failed') + spans(proxy, 'dropped'), 0);
  const line = await proxy.line(({ msg }) => String(msg).startsWith('the collector has rejected some spans'));
  assert.equal(line['spans'], 1);
  assert.ok(!JSON.stringify(proxy.lines()).includes('of-the-collector'));
});

test('a key for the collector is read from a file and from the environment, and again by each reload', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-headers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'key');
  writeFileSync(file, `${SECRET}\n`);
  process.env['COLLECTOR_TENANT'] = 'seven';
  t.after(() => delete process.env['COLLECTOR_TENANT']);
  const [collector, demo] = [await startHttpCollector(t), await startDemo(t)];
  const headers = { authorization: { file }, 'x-tenant': { environment: 'COLLECTOR_TENANT' } };
  const sections = { trace: { exporter: collector.exporter, sample: '100%', headers } };
  const proxy = await startProxy(t, { endpoints: [demo.address], sections });
  await call(proxy);
  await collector.want(2);
  assert.deepEqual([collector.headers['authorization'], collector.headers['x-tenant']], [SECRET, 'seven']);
  const config = configOf(await proxyConfigText({ endpoints: [demo.address], sections }));
  writeFileSync(file, 'Bearer of-the-collector-2');
  await proxy.proxy.apply(config);
  await call(proxy);
  await collector.want(4);
  assert.equal(collector.headers['authorization'], 'Bearer of-the-collector-2');
  rmSync(file);
  await assert.rejects(proxy.proxy.apply(config), /key cannot be read/);
  await call(proxy);
  await collector.want(6);
  assert.ok(!JSON.stringify(proxy.lines()).includes('of-the-collector'));
});

test('a collector that says when to come again: spans wait, and it gets them', async (t) => {
  let asked = 0;
  const collector = await startHttpCollector(t, (response) => {
    if (++asked > 1) return false;
    response.writeHead(503, { 'retry-after': '1' }).end();
    return true;
  });
  const proxy = await tracingTo(t, collector.exporter);
  await call(proxy, 2);
  await wantCounted(proxy, 'exported', 4);
  assert.deepEqual([spans(proxy, 'failed'), spans(proxy, 'dropped')], [0, 0]);
});

test('a collector that is away: calls go on, one line says so, and when it comes back it gets what has waited', async (t) => {
  const holder = await startHttpCollector(t);
  const port = Number(new URL(holder.exporter).port);
  holder.close();
  const proxy = await tracingTo(t, holder.exporter);
  await call(proxy, 2);
  const line = await proxy.line(({ msg }) => typeof msg === 'string' && msg.startsWith('spans cannot'));
  assert.equal(line['reason'], 'ECONNREFUSED');
  const collector = await startHttpCollector(t, undefined, port);
  await call(proxy);
  await wantCounted(proxy, 'exported', 6);
  assert.equal(collector.spans.length, 6);
  // The log writes its lines a little later.
  await proxy.line(({ msg }) => msg === 'spans are exported again');
  assert.equal(linesAbout(proxy, 'spans cannot').length, 1);
  assert.equal(linesAbout(proxy, 'spans are exported again').length, 1);
});

test('a collector that takes connections and never answers holds neither calls nor the end', async (t) => {
  const sockets: Socket[] = [];
  const port = await listen(
    t,
    createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined).resume();
    }),
  );
  const proxy = await tracingTo(t, `http://127.0.0.1:${port}`);
  await call(proxy, 2);
  await eventually('it was asked', () => sockets.length > 0);
  await call(proxy, 2);
  await proxy.close();
  assert.equal(spans(proxy, 'dropped'), 8);
  await eventually('its connections are closed', () => sockets.every(({ destroyed }) => destroyed));
});

test('over gRPC: a status that may pass is tried again, and another is not', async (t) => {
  const refusing = await startGrpcCollector(t, status.INVALID_ARGUMENT);
  const refused = await tracingTo(t, refusing.exporter);
  await call(refused);
  await wantCounted(refused, 'failed', 2);
  const busy = await startGrpcCollector(t, status.UNAVAILABLE);
  const waiting = await tracingTo(t, busy.exporter);
  await call(waiting);
  const line = await waiting.line(({ msg }) => typeof msg === 'string' && msg.startsWith('spans cannot'));
  assert.equal(line['reason'], 'UNAVAILABLE');
  await eventually('it is asked again', () => busy.requests > 1);
  assert.equal(spans(waiting, 'failed'), 0);
});

test('a reload turns traces on, to another collector, and off, under a call that goes on', async (t) => {
  const [one, other] = [await startHttpCollector(t), await startHttpCollector(t)];
  const demo = await startDemo(t);
  const configWith = async (sections: Readonly<Record<string, unknown>>): Promise<Config> =>
    configOf(await proxyConfigText({ endpoints: [demo.address], sections }));
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const use = async (trace?: Readonly<Record<string, unknown>>): Promise<void> => {
    await proxy.proxy.apply(await configWith(trace === undefined ? {} : { trace }));
  };
  const client = proxy.voiceClient('clear');
  const say = async (): Promise<number> => (await client.say({ text: 'hello' })).code;
  assert.equal(await say(), 0);
  await use({ exporter: one.exporter, sample: '100%' });
  assert.equal(await say(), 0);
  await one.want(2);
  await use({ exporter: other.exporter, sample: '100%' });
  assert.equal(await say(), 0);
  await other.want(2);
  assert.equal(await say(), 0);
  // What waits is not lost.
  await use();
  assert.equal(await say(), 0);
  await other.want(4);
  await proxy.close();
  assert.deepEqual([one.spans.length, other.spans.length], [2, 4]);
  assert.equal(spans(proxy, 'dropped'), 0);
});

test('the headers for the collector are not shown', async (t) => {
  const { configReport } = await import('../../src/control/config-report.ts');
  const proxy = await tracingTo(t, 'http://127.0.0.1:1');
  const config = configOf(
    await proxyConfigText({
      sections: { trace: { exporter: 'http://127.0.0.1:1', headers: { authorization: SECRET } } },
    }),
  );
  const report = configReport(
    { epoch: 1, config, loadedAtEpochMs: 0, warnings: [] },
    await proxy.plane.report(),
    [],
    { reloaded: 0, refused: 0, failed: 0, last: undefined, lastError: undefined },
  );
  const text = JSON.stringify(report);
  assert.ok(text.includes('"authorization":"[redacted]"'));
  assert.ok(!text.includes('of-the-collector'));
});
