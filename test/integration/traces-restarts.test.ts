// A collector in a process of its own that is killed and started again on its port, again and again, while calls go on: spans after each
// start arrive without a restart of the proxy, and what is lost meanwhile is counted and said by the metrics, by `framegate status` and in the log.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { MetricsReading } from '../../src/cli/metrics-reading.ts';
import { Metadata } from '../../src/demo/grpc.ts';
import { CollectorProcess } from '../support/collector-process.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { clearListener, type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

const RESTARTS = 3;
/** The pauses before the exporter tries again are a minute at most. */
const PATIENCE_MS = 120_000;
/** Spans of more calls than the exporter may have: two of each. */
const MANY_CALLS = 2600;
const AT_ONCE = 50;
const main = join(import.meta.dirname, '../../src/main.ts');

/** A call whose trace is known. @returns the id of the trace */
async function callOnce(client: TestVoiceClient): Promise<string> {
  const traceId = randomBytes(16).toString('hex');
  const metadata = new Metadata();
  metadata.set('traceparent', `00-${traceId}-b7ad6b7169203331-01`);
  assert.equal((await client.say({ text: 'hello' }, { metadata })).code, 0);
  return traceId;
}

async function callMany(client: TestVoiceClient): Promise<void> {
  for (let calls = 0; calls < MANY_CALLS; calls += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, () => callOnce(client)));
}

async function metrics(proxy: ReloadingProxy): Promise<MetricsReading> {
  const { body } = await proxy.ask('GET', '/metrics');
  return new MetricsReading(typeof body === 'string' ? body : '', performance.now());
}

/** The line of `framegate status` about the exporter. */
async function statusLine(proxy: ReloadingProxy): Promise<string> {
  const admin = `127.0.0.1:${await proxy.process.port('admin')}`;
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'status', '--admin', admin], { env });
  return stdout.split('\n').find((line) => line.includes('spans')) ?? '';
}

for (const protocol of ['grpc', 'http'] as const)
  test(`over ${protocol}: spans arrive after each start of a collector that is killed again and again, and lost ones are counted and said`, async (t) => {
    const demo = await startDemo(t);
    const collector = await CollectorProcess.start(t, protocol);
    const proxy = await startReloadingProxy(t, {
      listeners: [{ ...clearListener, trustedClients: ['127.0.0.0/8'] }],
      upstreams: { voice: { endpoints: [demo.address] } },
      trace: { exporter: collector.exporter, sample: '100%' },
      log: { level: 'info', access: false },
    });
    const client = connectVoiceClient({ address: await proxy.process.address('clear') });
    t.after(() => client.close());
    const arrives = async (what: string): Promise<void> => {
      const traceIds: string[] = [];
      await eventually(
        what,
        async () => {
          traceIds.push(await callOnce(client));
          return collector.hasAny(traceIds);
        },
        PATIENCE_MS,
      );
    };
    await arrives('spans arrive');
    for (let restart = 1; restart <= RESTARTS; restart++) {
      await collector.kill();
      if (restart === 2) await callMany(client);
      await eventually(
        `status says that spans cannot be exported, time ${restart}`,
        async () => {
          await callOnce(client);
          return (await statusLine(proxy)).includes('spans cannot be exported now');
        },
        PATIENCE_MS,
      );
      await collector.startAgain();
      await arrives(`spans arrive after start ${restart}`);
      await eventually(
        `status says that spans are exported, time ${restart}`,
        async () => !(await statusLine(proxy)).includes('cannot'),
        PATIENCE_MS,
      );
    }
    await saysWhatIsLost(proxy);
  });

async function saysWhatIsLost(proxy: ReloadingProxy): Promise<void> {
  const lost = await eventually('some were dropped', async () => {
    const reading = await metrics(proxy);
    const dropped = reading.of('framegate_trace_spans_dropped_total');
    const full = dropped.find(({ labels }) => labels.get('reason') === 'queue_full')?.value ?? 0;
    const results = new Map(
      reading
        .of('framegate_trace_spans_total')
        .map(({ labels, value }) => [labels.get('result') ?? '', value]),
    );
    const all = (results.get('dropped') ?? 0) + (results.get('failed') ?? 0);
    assert.equal(results.get('rejected'), 0);
    return full > 0 && all;
  });
  const line = await statusLine(proxy);
  assert.match(line, new RegExp(`\\b${lost}\\b`), `status says how many: ${line}`);
  const said = proxy.process.lines().map(({ msg }) => String(msg));
  assert.ok(said.some((text) => text.startsWith('spans cannot be exported: they wait')));
  assert.ok(said.includes('spans are exported again'));
  assert.ok(!said.some((text) => text.startsWith('the process that exports spans has ended')));
}
