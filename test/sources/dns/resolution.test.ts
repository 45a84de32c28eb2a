// What becomes of what DNS says: all endpoints, without what is nonsense, bounded; and what stays when it says nothing new.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MOST_ENDPOINTS } from '../../../src/config/endpoint-update.ts';
import type { DnsConfig } from '../../../src/config/upstream-config.ts';
import { DnsClient } from '../../../src/names/dns-client.ts';
import { NameResolution, type Resolution } from '../../../src/sources/dns/resolution.ts';
import { startDnsServer } from '../../support/dns-server.ts';

async function startResolving(t: TestContext, config: Partial<DnsConfig> = {}) {
  const server = await startDnsServer(t);
  const client = new DnsClient();
  client.useServers([server.address]);
  const base = { name: 'voice.test.', port: 50051, type: 'A', minTtlMs: 1000, maxTtlMs: 60_000 } as const;
  return { server, resolution: new NameResolution({ ...base, ...config }, client) };
}

async function startServices(t: TestContext) {
  return startResolving(t, { name: '_grpc._tcp.test.', type: 'SRV', port: undefined });
}

function addressesOf({ endpoints }: Resolution): readonly string[] {
  return endpoints.map(({ address }) => address.text);
}

test('all addresses are endpoints, whatever their order in the answer, each once', async (t) => {
  const { server, resolution } = await startResolving(t);
  server.set('voice.test', { a: ['192.0.2.2', '192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'], ttl: 9 });
  const first = await resolution.resolve();
  assert.deepEqual(addressesOf(first), ['192.0.2.1:50051', '192.0.2.2:50051', '[2001:db8::1]:50051']);
  assert.deepEqual([first.isAnswered, first.ttl, first.problem], [true, 9, undefined]);
  server.set('voice.test', { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'], ttl: 9 });
  assert.deepEqual((await resolution.resolve()).endpoints, first.endpoints);
});

test('addresses that cannot be called are left out, and when there are no others the last answer stays', async (t) => {
  const { server, resolution } = await startResolving(t);
  server.set('voice.test', { a: ['0.0.0.0', '192.0.2.1', '255.255.255.255'], aaaa: ['::', 'fe80::1'] });
  assert.deepEqual(addressesOf(await resolution.resolve()), ['192.0.2.1:50051']);
  server.set('voice.test', { a: ['0.0.0.0'], aaaa: ['::'] });
  const second = await resolution.resolve();
  assert.deepEqual(addressesOf(second), ['192.0.2.1:50051']);
  assert.deepEqual([second.isAnswered, second.problem], [false, 'unusable']);
});

test('no answer takes away what there was: a failure, no such name, no addresses', async (t) => {
  const { server, resolution } = await startResolving(t);
  server.set('voice.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] });
  const good = addressesOf(await resolution.resolve());
  const bad = [
    [{ failing: ['a', 'aaaa'] }, 'EAI_AGAIN'],
    [undefined, 'ENOTFOUND'],
    [{}, 'ENODATA'],
  ] as const;
  for (const [zone, problem] of bad) {
    server.set('voice.test', zone);
    const now = await resolution.resolve();
    assert.deepEqual([now.isAnswered, now.problem], [false, problem]);
    assert.deepEqual(addressesOf(now), good);
  }
  server.set('voice.test', { a: ['192.0.2.7'] });
  assert.deepEqual(addressesOf(await resolution.resolve()), ['192.0.2.7:50051']);
});

test('a family that fails keeps its addresses beside the other one, and loses them when it is answered without', async (t) => {
  const { server, resolution } = await startResolving(t);
  server.set('voice.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] });
  await resolution.resolve();
  server.set('voice.test', { a: ['192.0.2.2'], failing: ['aaaa'] });
  assert.deepEqual(addressesOf(await resolution.resolve()), ['192.0.2.2:50051', '[2001:db8::1]:50051']);
  server.set('voice.test', { a: ['192.0.2.2'] });
  assert.deepEqual(addressesOf(await resolution.resolve()), ['192.0.2.2:50051']);
});

test('AAAA means IPv6 alone', async (t) => {
  const { server, resolution } = await startResolving(t, { type: 'AAAA' });
  server.set('voice.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] });
  assert.deepEqual(addressesOf(await resolution.resolve()), ['[2001:db8::1]:50051']);
  assert.equal(server.questions.length, 1);
});

test('services are endpoints with their ports, priorities that count from 0, and weights in range', async (t) => {
  const { server, resolution } = await startServices(t);
  server.set('_grpc._tcp.test', {
    ttl: 300,
    srv: [
      { host: 'a.test', port: 1001, priority: 10, weight: 65_535 },
      { host: 'b.test', port: 1002, priority: 10, weight: 0 },
      { host: 'c.test', port: 1003, priority: 500, weight: 32_768 },
      { host: 'lost.test', port: 1004, priority: 500, weight: 1 },
      { host: 'a.test', port: 0, priority: 1, weight: 1 },
      { host: '', port: 1005, priority: 1, weight: 1 },
    ],
  });
  server.set('a.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'], ttl: 30 });
  server.set('b.test', { a: ['192.0.2.2'], ttl: 20 });
  server.set('c.test', { a: ['192.0.2.3'], ttl: 40 });
  const first = await resolution.resolve();
  assert.deepEqual(
    first.endpoints.map(({ address, priority, weight }) => `${address.text} ${priority} ${weight}`),
    ['192.0.2.1:1001 0 1000', '192.0.2.2:1002 0 1', '[2001:db8::1]:1001 0 1000', '192.0.2.3:1003 1 500'],
  );
  assert.deepEqual(
    first.endpoints.map(({ authority }) => authority),
    ['a.test:1001', 'b.test:1002', 'a.test:1001', 'c.test:1003'],
  );
  // Node tells no time to live of SRV records, so that the shortest of their hosts counts.
  assert.deepEqual([first.isAnswered, first.ttl], [true, 20]);

  server.set('_grpc._tcp.test', undefined);
  server.set('a.test', { a: ['192.0.2.9'], ttl: 30 });
  const second = await resolution.resolve();
  assert.deepEqual([second.isAnswered, second.problem], [false, 'ENOTFOUND']);
  assert.ok(addressesOf(second).includes('192.0.2.9:1001'), 'hosts of the last services are still followed');
});

test('more endpoints than an upstream may have are cut off, and counted', async (t) => {
  const { server, resolution } = await startServices(t);
  const services = Array.from({ length: 60 }, (_, index) => ({ host: 'm.test', port: 1000 + index }));
  server.set('_grpc._tcp.test', { srv: services });
  const addresses = Array.from({ length: 70 }, (_, index) => `192.0.2.${index}`);
  server.set('m.test', { a: addresses });
  const { endpoints, leftOut } = await resolution.resolve();
  assert.deepEqual([endpoints.length, leftOut], [MOST_ENDPOINTS, 60 * 70 - MOST_ENDPOINTS]);
});
