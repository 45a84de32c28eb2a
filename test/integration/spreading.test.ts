// Long streams that move to an endpoint which joins, and streams that end at their age, through a whole proxy with clients that open
// their streams again.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { ObjectSource } from '../support/object-source.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import type { AudioStream, TestVoiceClient } from '../support/voice-client.ts';

/** A client that opens its stream again whenever it ends. */
class Listener {
  readonly ends: string[] = [];
  readonly #client: TestVoiceClient;
  #stream: AudioStream | undefined;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(client: TestVoiceClient) {
    this.#client = client;
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#stream = this.#client.streamAudio();
      const { code, details } = await this.#stream.outcome;
      if (!this.#isStopped) this.ends.push(`${code} ${details}`);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stream?.cancel();
    await this.#done;
  }
}

async function activeAt(proxy: ProxyUnderTest, endpoints: readonly string[]): Promise<readonly number[]> {
  const metrics = await proxy.plane.metrics();
  const values = valuesOf(metrics.find(({ name }) => name === 'framegate_endpoint_active_calls'));
  return endpoints.map((one) => values.find(({ labels }) => labels['endpoint'] === one)?.value ?? 0);
}

async function startListeners(
  t: TestContext,
  streams: Readonly<Record<string, unknown>>,
): Promise<{ proxy: ProxyUnderTest; source: ObjectSource; endpoints: string[]; listeners: Listener[] }> {
  const endpoints = [(await startDemo(t)).address, (await startDemo(t)).address];
  const source = new ObjectSource();
  const sections = { upstreams: { voice: { endpoints, streams } } };
  const proxy = await startProxy(t, { sections, sources: [source] });
  const client = proxy.voiceClient('clear');
  await eventually('both endpoints are connected', async () => {
    assert.equal((await client.say({ text: 'a call' })).code, status.OK);
    const text = (await proxy.plane.metrics()).map(({ keys }) => keys).join('\n');
    return endpoints.every((one) => text.includes(`endpoint="${one}",state="ready"`));
  });
  const listeners = Array.from({ length: 12 }, () => new Listener(client));
  await eventually('the streams are open', async () => (await activeAt(proxy, endpoints)).join() === '6,6');
  return { proxy, source, endpoints, listeners };
}

async function stop(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((one) => one.stop()));
}

test('when an endpoint joins, just the streams above the share of the others move to it', async (t) => {
  const { proxy, source, endpoints, listeners } = await startListeners(t, { rebalance: '1s' });
  // Calls that are younger than a tenth of the time do not count.
  await new Promise((resolve) => setTimeout(resolve, 150));
  const all = [...endpoints, (await startDemo(t)).address];
  source.name('voice', all);
  // No call is made that would connect to the new endpoint.
  await eventually(
    'each endpoint has a third of the streams',
    async () => (await activeAt(proxy, all)).join() === '4,4,4',
  );
  const ends = listeners.flatMap((one) => one.ends);
  await stop(listeners);
  assert.equal(ends.length, 4);
  for (const end of ends)
    assert.match(end, new RegExp(`^${status.UNAVAILABLE} An endpoint of upstream voice has joined`));
  const record = await proxy.record(({ reason }) => reason.startsWith('stream_rebalanced'));
  assert.deepEqual([record.grpcStatus, record['endedBy']], ['UNAVAILABLE', 'framegate']);
  await proxy.line(({ msg, streams }) => String(msg).startsWith('an endpoint has joined') && streams === 4);
});

test('streams end at their age', async (t) => {
  const { proxy, listeners } = await startListeners(t, { maxAge: '1s' });
  await eventually('each stream has ended', () => listeners.every(({ ends }) => ends.length > 0));
  await stop(listeners);
  for (const end of listeners.flatMap((one) => one.ends))
    assert.match(
      end,
      new RegExp(`^${status.UNAVAILABLE} Streams of upstream voice end after 1 s, 10 % more or less`),
    );
  const records = await eventually('each end has its record', () => {
    const found = proxy.records().filter(({ reason }) => reason.startsWith('stream_too_old'));
    return found.length >= listeners.length && found;
  });
  for (const { durationMs } of records) assert.ok(Number(durationMs) >= 890, String(durationMs));
});
