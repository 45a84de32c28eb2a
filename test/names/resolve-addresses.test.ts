// Addresses of a name with their times to live: both families together, each with its own fate.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DnsClient } from '../../src/names/dns-client.ts';
import { type FamilyAnswers, resolveAddresses } from '../../src/names/resolve-addresses.ts';
import { resolveServices } from '../../src/names/resolve-services.ts';
import { isUsable } from '../../src/names/usable-address.ts';
import { startDnsServer } from '../support/dns-server.ts';

async function startAsking(t: TestContext) {
  const server = await startDnsServer(t);
  const client = new DnsClient();
  client.useServers([server.address]);
  return { server, client };
}

function textOf(answers: FamilyAnswers): readonly string[] {
  return Array.from(answers, ([family, answer]) =>
    answer.outcome === 'found'
      ? `${family}: ${answer.records.map(({ address, ttl }) => `${address} for ${ttl} s`).join(', ')}`
      : `${family}: ${answer.outcome} ${answer.code}`,
  );
}

test('all addresses of both families come with their times to live', async (t) => {
  const { server, client } = await startAsking(t);
  server.set('voice.test', { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'], ttl: 7 });
  assert.deepEqual(textOf(await resolveAddresses(client, 'voice.test.', [4, 6])), [
    '4: 192.0.2.1 for 7 s, 192.0.2.2 for 7 s',
    '6: 2001:db8::1 for 7 s',
  ]);
  assert.deepEqual(textOf(await resolveAddresses(client, 'voice.test.', [6])), ['6: 2001:db8::1 for 7 s']);
});

test('each question reaches the server, whatever the time to live of the last answer', async (t) => {
  const { server, client } = await startAsking(t);
  server.set('voice.test', { a: ['192.0.2.1'], ttl: 3600 });
  await resolveAddresses(client, 'voice.test.', [4, 6]);
  server.set('voice.test', { a: ['192.0.2.9'], aaaa: ['2001:db8::9'], ttl: 3600 });
  assert.deepEqual(textOf(await resolveAddresses(client, 'voice.test.', [4, 6])), [
    '4: 192.0.2.9 for 3600 s',
    '6: 2001:db8::9 for 3600 s',
  ]);
});

test('a family that DNS is silent about does not hold up the other', async (t) => {
  const { server, client } = await startAsking(t);
  server.set('voice.test', { a: ['192.0.2.1'], silent: ['aaaa'], ttl: 1 });
  assert.deepEqual(textOf(await resolveAddresses(client, 'voice.test.', [4, 6])), [
    '4: 192.0.2.1 for 1 s',
    '6: failed dns_timeout',
  ]);
});

test('that there is no name, no address and a failure are told apart', async (t) => {
  const { server, client } = await startAsking(t);
  server.set('empty.test', {});
  server.set('broken.test', { failing: ['a', 'aaaa'] });
  const asked = async (name: string) => textOf(await resolveAddresses(client, name, [4]));
  assert.deepEqual(await asked('nothing.test.'), ['4: none ENOTFOUND']);
  assert.deepEqual(await asked('empty.test.'), ['4: none ENODATA']);
  assert.deepEqual(await asked('broken.test.'), ['4: failed EAI_AGAIN']);
});

test('localhost needs no server', async (t) => {
  const { server, client } = await startAsking(t);
  const answers = await resolveAddresses(client, 'localhost', [4, 6]);
  assert.ok(textOf(answers).some((text) => text.includes('127.0.0.1 for 5 s')));
  assert.deepEqual(server.questions, []);
});

test('services come with host, port, priority and weight', async (t) => {
  const { server, client } = await startAsking(t);
  const service = { host: 'a.test', port: 50051, priority: 10, weight: 20 };
  server.set('_grpc._tcp.voice.test', { srv: [service] });
  const answer = await resolveServices(client, '_grpc._tcp.voice.test.');
  assert.ok(answer.outcome === 'found');
  const [{ name, port, priority, weight }] = answer.records;
  assert.deepEqual({ host: name, port, priority, weight }, service);
  const nothing = await resolveServices(client, '_grpc._tcp.nothing.test.');
  assert.deepEqual([nothing.outcome, 'code' in nothing && nothing.code], ['none', 'ENOTFOUND']);
});

test('addresses that no service can have are not usable', () => {
  for (const address of ['0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255'])
    assert.ok(!isUsable(address, 4), address);
  for (const address of ['::', 'ff02::1', 'fe80::1', '::ffff:0.0.0.0'])
    assert.ok(!isUsable(address, 6), address);
  for (const address of ['127.0.0.1', '10.0.0.1', '223.255.255.255'])
    assert.ok(isUsable(address, 4), address);
  for (const address of ['::1', 'fd00::1', '2001:db8::1', '::ffff:10.0.0.1'])
    assert.ok(isUsable(address, 6), address);
});
