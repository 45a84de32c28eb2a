// How calls are shared among the endpoints of an upstream, and among upstreams, through a whole proxy.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { Metadata, status } from '../../src/demo/grpc.ts';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { ObjectSource } from '../support/object-source.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import type { TestVoiceClient } from '../support/voice-client.ts';

const log = { access: true };
const DRAW_COUNT = 200;

interface Group {
  readonly proxy: ProxyUnderTest;
  readonly client: TestVoiceClient;
  readonly addresses: readonly string[];
  /** The calls of the client at each endpoint so far. */
  readonly served: () => Promise<readonly number[]>;
}

async function startGroup(
  t: TestContext,
  servers: readonly Readonly<Record<string, unknown>>[],
  upstream: Readonly<Record<string, unknown>>,
): Promise<Group> {
  const addresses = await Promise.all(servers.map(async () => (await startDemo(t)).address));
  const endpoints = servers.map((more, index) => ({ address: addresses[index], ...more }));
  const proxy = await startProxy(t, { sections: { log, upstreams: { voice: { endpoints, ...upstream } } } });
  const client = proxy.voiceClient('clear');
  const served = async (): Promise<readonly number[]> => {
    const metrics = await proxy.plane.metrics();
    const values = valuesOf(metrics.find(({ name }) => name === 'framegate_endpoint_responses_total'));
    return addresses.map(
      (address) => values.find(({ labels }) => labels['endpoint'] === address)?.value ?? 0,
    );
  };
  return { proxy, client, addresses, served };
}

async function say(client: TestVoiceClient, calls: number, fields: Readonly<Record<string, string>> = {}) {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  for (let call = 0; call < calls; call++)
    assert.equal((await client.say({ text: 'a call' }, { metadata })).code, status.OK);
}

/** Until there is a connection to each endpoint of these indexes, calls go to those that are connected. */
async function connectAll({ client, served }: Group, wanted: readonly number[]): Promise<void> {
  await eventually('all endpoints are connected', async () => {
    await say(client, 1);
    const counts = await served();
    return wanted.every((index) => counts[index] > 0);
  });
}

async function countsOf(group: Group, action: () => Promise<unknown>): Promise<readonly number[]> {
  const before = await group.served();
  await action();
  return (await group.served()).map((count, index) => count - before[index]);
}

test('round-robin gives calls by weight', async (t) => {
  const group = await startGroup(t, [{ weight: 3 }, { weight: 1 }], {});
  await connectAll(group, [0, 1]);
  assert.deepEqual(await countsOf(group, () => say(group.client, 40)), [30, 10]);
});

test('least-requests keeps long streams even', async (t) => {
  const group = await startGroup(t, [{}, {}], { balance: 'least-requests' });
  await connectAll(group, [0, 1]);
  const streams = Array.from({ length: 10 }, () => group.client.streamAudio());
  await eventually('the streams are open', async () => {
    const metrics = await group.proxy.plane.metrics();
    const values = valuesOf(metrics.find(({ name }) => name === 'framegate_endpoint_active_calls'));
    return values.length === 2 && values.every(({ value }) => value === 5);
  });
  for (const stream of streams) stream.cancel();
});

test('ring-hash keeps a session at one endpoint', async (t) => {
  const group = await startGroup(t, [{}, {}, {}], { balance: 'ring-hash', hash: { header: 'x-session' } });
  const taken = new Set<number>();
  for (let session = 0; session < 60; session++) {
    const counts = await countsOf(group, () => say(group.client, 3, { 'x-session': `session-${session}` }));
    assert.deepEqual(
      counts.toSorted((a, b) => a - b),
      [0, 0, 3],
      `session ${session}: ${counts.join()}`,
    );
    taken.add(counts.indexOf(3));
  }
  assert.equal(taken.size, 3);
});

async function startWebServer(t: TestContext, answer: string): Promise<string> {
  const server = createServer((_request, response) => response.end(answer));
  return `127.0.0.1:${await listen(t, server)}`;
}

async function fetchText(proxy: ProxyUnderTest, headers: Readonly<Record<string, string>>): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/page`, { headers });
  return response.text();
}

test('over HTTP/1.1 a session stays at one endpoint as well, and a split sends each request by its weights', async (t) => {
  const endpoints = await Promise.all(['a', 'b', 'c'].map((name) => startWebServer(t, name)));
  const other = await startWebServer(t, 'other');
  const ring = { protocol: 'http1', endpoints, balance: 'ring-hash', hash: { header: 'x-session' } };
  const split = [
    { upstream: 'ring', weight: 1 },
    { upstream: 'other', weight: 1 },
  ];
  const proxy = await startProxy(t, {
    sections: {
      log,
      routes: [
        { match: { path: '/*' }, upstream: 'ring' },
        { match: { headers: { 'x-split': 'yes' } }, split },
      ],
      upstreams: { ring, other: { protocol: 'http1', endpoints: [other] } },
    },
  });
  // Ports differ with each run, and so does the ring: with few sessions, an endpoint may get none.
  const answers = new Set<string>();
  for (let session = 0; session < 60; session++) {
    const headers = { 'x-session': `session-${session}` };
    const answer = await fetchText(proxy, headers);
    assert.deepEqual([await fetchText(proxy, headers), await fetchText(proxy, headers)], [answer, answer]);
    answers.add(answer);
  }
  assert.deepEqual([...answers].toSorted(), ['a', 'b', 'c']);
  const headers = { 'x-session': 'session-0', 'x-split': 'yes' };
  const seen = new Set(await Promise.all(Array.from({ length: 60 }, () => fetchText(proxy, headers))));
  assert.equal(seen.size, 2, 'the session has one endpoint, and the split another upstream');
  assert.ok(seen.has('other'));
});

test('the next priority gets calls when no endpoint of the first can be reached', async (t) => {
  const group = await startGroup(t, [{ priority: 1 }], {});
  const [backup] = group.addresses;
  const source = new ObjectSource();
  const proxy = await startProxy(t, {
    sections: {
      log,
      upstreams: { voice: { endpoints: ['127.0.0.1:1', { address: backup, priority: 1 }] } },
    },
    sources: [source],
  });
  const client = proxy.voiceClient('clear');
  await say(client, 5);
  const first = await startDemo(t);
  source.name('voice', [first.address]);
  await eventually('the first priority is back', async () => {
    await say(client, 1);
    return proxy.records().some((record) => record['endpoint'] === first.address);
  });
});

test('a split sends each call to one of its upstreams, which log and metrics name', async (t) => {
  const [a, b] = [await startDemo(t), await startDemo(t)];
  const split = [
    { upstream: 'voice', weight: 3 },
    { upstream: 'next', weight: 1 },
  ];
  const proxy = await startProxy(t, {
    sections: {
      log,
      routes: [{ name: 'all', match: { path: '/*' }, split }],
      upstreams: { voice: { endpoints: [a.address] }, next: { endpoints: [b.address] } },
    },
  });
  const client = proxy.voiceClient('clear');
  await say(client, DRAW_COUNT);
  const records = await proxy.wantRecords(DRAW_COUNT);
  const at = (upstream: string) => records.filter((record) => record['upstream'] === upstream);
  assert.equal(at('voice').length + at('next').length, DRAW_COUNT);
  // With 200 draws of 3 to 1 that is more than six standard deviations on either side.
  assert.ok(at('next').length > 10 && at('next').length < 90, String(at('next').length));
  assert.ok(at('voice').every((record) => record['endpoint'] === a.address));
  assert.ok(at('next').every((record) => record['endpoint'] === b.address));
  const metrics = await proxy.plane.metrics();
  const finished = valuesOf(metrics.find(({ name }) => name === 'framegate_exchanges_total'));
  const counted = (upstream: string) =>
    finished
      .filter(({ labels }) => labels['upstream'] === upstream)
      .reduce((sum, { value }) => sum + value, 0);
  assert.deepEqual([counted('voice'), counted('next')], [at('voice').length, at('next').length]);
});
