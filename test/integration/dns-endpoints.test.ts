// The endpoints of an upstream come from DNS: all of its addresses, followed by their time to live, in one process and in several.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { names } from '../../src/names/name-lookup.ts';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { startPods } from '../support/pods.ts';
import { configOf, proxyConfigText, startProxy } from '../support/proxy-under-test.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { startWorkers } from '../support/workers-under-test.ts';

const NAME = 'voice.test.';
const ADMIN = { address: '127.0.0.1:0' };

async function startDns(t: TestContext): Promise<DnsServer> {
  const dns = await startDnsServer(t);
  names.useServers([dns.address]);
  t.after(() => names.useServers(undefined));
  return dns;
}

interface Section {
  readonly name?: string;
  readonly port?: number;
  readonly [key: string]: unknown;
}

function sectionsFor(dns: Section, more: Readonly<Record<string, unknown>> = {}) {
  return { upstreams: { voice: { dns: { name: NAME, minTtl: '100ms', ...dns } } }, ...more };
}

interface Kind {
  readonly name: string;
  /** @returns the address of the plaintext listener */
  readonly start: (t: TestContext, sections: Readonly<Record<string, unknown>>) => Promise<string>;
}

const KINDS: readonly Kind[] = [
  {
    name: 'one process',
    start: async (t, sections) => `127.0.0.1:${(await startProxy(t, { sections })).port('clear')}`,
  },
  {
    name: 'two workers',
    start: async (t, sections) => {
      const { proxy } = await startWorkers(t, configOf(await proxyConfigText({ sections })), 2, []);
      return `127.0.0.1:${proxy.listeners.find(({ name }) => name === 'clear')?.port}`;
    },
  },
];

function clientOf(t: TestContext, address: string): TestVoiceClient {
  const client = connectVoiceClient({ address, channel: { 'grpc.use_local_subchannel_pool': 1 } });
  t.after(() => client.close());
  return client;
}

for (const { name, start } of KINDS) {
  describe(name, () => {
    test('all addresses get calls, new ones soon, and those that are gone finish their streams', async (t) => {
      const dns = await startDns(t);
      const [a, b, c] = await startPods(t, ['127.0.0.2', '127.0.0.3', '127.0.0.4']);
      dns.set('voice.test', { a: ['127.0.0.2', '127.0.0.3'], ttl: 0 });
      const address = await start(t, sectionsFor({ port: a.port }));
      const clients = [clientOf(t, address), clientOf(t, address)];
      const call = async (): Promise<void> => {
        for (const client of clients) assert.equal((await client.say({ text: 'a call' })).code, status.OK);
      };
      const wantCalled = (pod: typeof a) => {
        const before = pod.counters.Say.started;
        return eventually('the pod gets calls', async () => {
          await call();
          return pod.counters.Say.started > before;
        });
      };
      // The first call finds the endpoints: the name was resolved before the listeners opened.
      await call();
      await wantCalled(a);
      await wantCalled(b);
      const streams = await startTalking(t, { address, count: 4 });
      dns.set('voice.test', { a: ['127.0.0.3', '127.0.0.4'], ttl: 0 });
      await wantCalled(c);
      await wantCalled(b);
      await call();
      const before = a.counters.Say.started;
      const messages = streams.map((stream) => stream.messages);
      for (let round = 0; round < 5; round++) await call();
      assert.equal(a.counters.Say.started, before, 'no new call comes to what is gone');
      await eventually('the streams go on where they are', () =>
        streams.every((stream, index) => stream.messages > messages[index] + 2),
      );
      await wantGoodEnd(streams);
    });

    test('a connection that fails has the name looked up again, long before its time to live is over', async (t) => {
      const dns = await startDns(t);
      const [a, b] = await startPods(t, ['127.0.0.2', '127.0.0.3']);
      dns.set('voice.test', { a: ['127.0.0.2'], ttl: 3600 });
      const address = await start(t, sectionsFor({ port: a.port, maxTtl: '1h' }));
      const client = clientOf(t, address);
      assert.equal((await client.say({ text: 'a call' })).code, status.OK);
      dns.set('voice.test', { a: ['127.0.0.3'], ttl: 3600 });
      const questions = dns.questions.length;
      a.forceClose();
      await eventually('calls reach the other one', async () => {
        await client.say({ text: 'a call' });
        return b.counters.Say.started > 0;
      });
      assert.ok(dns.questions.length >= questions + 2);
    });
  });
}

async function adminOf(proxy: Awaited<ReturnType<typeof startProxy>>): Promise<string> {
  const opened = await proxy.line(({ msg }) => msg === 'admin server listens');
  return `http://${String(opened['address'])}`;
}

interface Described {
  readonly from: string;
  readonly endpoints: readonly { readonly address: string }[];
  readonly dns: { readonly ageSeconds?: number; readonly problem?: string; readonly failed: number };
}

function isReport(value: unknown): value is { readonly upstreams: readonly Described[] } {
  return typeof value === 'object' && value !== null && 'upstreams' in value;
}

async function describeUpstream(admin: string): Promise<Described> {
  const report: unknown = await (await fetch(`${admin}/api/upstreams`)).json();
  assert.ok(isReport(report));
  return report.upstreams[0];
}

test('a start with a name that does not resolve succeeds and says so, and calls go through once it does', async (t) => {
  const dns = await startDns(t);
  const [pod] = await startPods(t, ['127.0.0.2']);
  const proxy = await startProxy(t, { sections: sectionsFor({ port: pod.port }, { admin: ADMIN }) });
  const { msg, endpoints, upstream } = await proxy.line(({ code }) => code === 'FG2051');
  assert.deepEqual([upstream, endpoints], ['voice', 0]);
  assert.match(
    String(msg),
    /^DNS \(127\.0\.0\.1:\d+\) knows no name voice\.test: upstream voice has no endpoint\. Is it spelled right.* dig voice\.test\. A$/,
  );
  const client = proxy.voiceClient('clear');
  const { code, details } = await client.say({ text: 'too early' });
  assert.equal(code, status.UNAVAILABLE);
  assert.equal(details, 'Upstream voice has no endpoint: DNS knows no name voice.test. (FG2051)');
  const record = await proxy.record(({ reason }) => reason.startsWith('upstream_name_unresolved: '));
  assert.equal(record.grpcStatus, 'UNAVAILABLE');
  assert.equal((await describeUpstream(await adminOf(proxy))).dns.ageSeconds, undefined);
  dns.set('voice.test', { a: ['127.0.0.2'], ttl: 1 });
  const ok: number = status.OK;
  await eventually('a call goes through', async () => (await client.say({ text: 'now' })).code === ok);
  await proxy.line(({ msg: said }) => said === 'DNS answers again for the name of an upstream');
  const warnings = proxy.lines().filter((line) => line['code'] === 'FG2051' && line['level'] === 40);
  assert.equal(warnings.length, 1, 'failures that are alike are one warning');
});

test('the last good answer stays while there is none, with its age, and that is one warning', async (t) => {
  const dns = await startDns(t);
  const [pod] = await startPods(t, ['127.0.0.2']);
  dns.set('voice.test', { a: ['127.0.0.2'], ttl: 0 });
  const proxy = await startProxy(t, { sections: sectionsFor({ port: pod.port }, { admin: ADMIN }) });
  const admin = await adminOf(proxy);
  const client = proxy.voiceClient('clear');
  assert.equal((await client.say({ text: 'a call' })).code, status.OK);
  dns.set('voice.test', undefined);
  const described = await eventually('the failures are counted', async () => {
    const now = await describeUpstream(admin);
    return now.dns.failed >= 2 && now;
  });
  assert.deepEqual(
    described.endpoints.map(({ address }) => address),
    [`127.0.0.2:${pod.port}`],
  );
  assert.ok((described.dns.ageSeconds ?? 0) >= 0.1);
  assert.match(described.dns.problem ?? '', /knows no name voice\.test/);
  assert.equal((await client.say({ text: 'a call' })).code, status.OK);
  const { msg } = await proxy.line(({ code }) => code === 'FG2051');
  assert.match(String(msg), /: upstream voice keeps the 1 endpoint of its last answer\. /);
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  assert.match(metrics, /framegate_dns_age_seconds\{upstream="voice"\} 0?\.?\d/);
  assert.match(metrics, /framegate_dns_lookups_total\{upstream="voice",result="failed"\} [1-9]/);
});

test('a name server that never answers for one name disturbs ten others neither at the start nor later', async (t) => {
  const dns = await startDns(t);
  const [pod] = await startPods(t, ['127.0.0.2']);
  const healthy = Array.from({ length: 10 }, (_, index) => `good${index}`);
  for (const name of healthy) dns.set(`${name}.test`, { a: ['127.0.0.2'], ttl: 0 });
  const upstreams = Object.fromEntries(
    ['silent', ...healthy].map((name) => [
      name,
      { dns: { name: `${name}.test.`, port: pod.port, minTtl: '100ms' } },
    ]),
  );
  const routes = Object.keys(upstreams).map((upstream) => ({
    match: { path: '/*', headers: { to: upstream } },
    upstream,
  }));
  const proxy = await startProxy(t, { sections: { upstreams, routes } });
  const client = await proxy.rawClient('clear');
  const call = async (to: string) =>
    client.outcome(client.call({ body: Buffer.alloc(5), fields: [['to', to]] }));
  const { grpcStatus, grpcMessage } = await call('silent');
  assert.equal(grpcStatus, String(status.UNAVAILABLE));
  assert.equal(
    grpcMessage,
    'Upstream silent has no endpoint: DNS has not answered for the name silent.test yet. (FG2051)',
  );
  for (const to of healthy) assert.equal((await call(to)).grpcStatus, '0', to);
  // While the silent one is asked for, all others are asked for again and again.
  const asked = (name: string): number => dns.questions.filter((one) => one === `${name}.test`).length;
  const before = healthy.map(asked);
  await eventually('all others are asked for again', () =>
    healthy.every((name, index) => asked(name) >= before[index] + 6),
  );
});
