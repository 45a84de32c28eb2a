import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { namesToAsk } from '../../src/names/dns-client.ts';
import { addressesInHosts } from '../../src/names/hosts-file.ts';
import { LookupError, NameLookup } from '../../src/names/name-lookup.ts';
import { startDnsServer } from '../support/dns-server.ts';

function looked(names: NameLookup, name: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    names.lookup(name, { all: true }, (error, found) => {
      if (error !== null) reject(error);
      else resolve(typeof found === 'string' ? [] : found);
    });
  });
}

test('localhost is this machine, whatever DNS would say, and a line of /etc/hosts goes before it', () => {
  const hosts =
    '# 192.0.2.1 no\n192.0.2.7\tvoice Voice2.  # the assistant\n2001:db8::7 voice\nnonsense voice\n';
  assert.deepEqual(addressesInHosts(hosts, 'VOICE.'), [
    { address: '192.0.2.7', family: 4 },
    { address: '2001:db8::7', family: 6 },
  ]);
  assert.deepEqual(addressesInHosts(hosts, 'voice2'), [{ address: '192.0.2.7', family: 4 }]);
  assert.deepEqual(addressesInHosts(hosts, 'no'), []);
  const local = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  assert.deepEqual(addressesInHosts('', 'localhost'), local);
  assert.deepEqual(addressesInHosts('', 'a.localhost'), local);
  assert.deepEqual(addressesInHosts('127.0.0.2 localhost', 'localhost'), [
    { address: '127.0.0.2', family: 4 },
  ]);
});

test('names are asked for in the order of resolv.conf: search list, ndots, a dot at the end', () => {
  const kubernetes =
    'nameserver 10.0.0.10\nsearch a.svc.cluster.local svc.cluster.local\noptions ndots:5 edns0\n';
  assert.deepEqual(namesToAsk('voice', kubernetes), [
    'voice.a.svc.cluster.local',
    'voice.svc.cluster.local',
    'voice',
  ]);
  assert.deepEqual(namesToAsk('voice.a.example.com.', kubernetes), ['voice.a.example.com.']);
  assert.deepEqual(namesToAsk('voice.example', 'search corp\n'), ['voice.example', 'voice.example.corp']);
  assert.deepEqual(namesToAsk('voice', ''), ['voice']);
});

test('a name that DNS does not answer for holds up no other, and its failure is told as that of DNS', async (t) => {
  const server = await startDnsServer(t);
  const names = new NameLookup();
  names.useServers([server.address]);
  // Many more than the pool has threads.
  const silent = Array.from({ length: 12 }, (_, index) => looked(names, `silent${index}.test.`));
  const settled = Promise.allSettled(silent);
  assert.deepEqual(await looked(names, 'good.test.'), [{ address: '127.0.0.1', family: 4 }]);
  assert.ok((await looked(names, 'localhost')).length > 0);
  for (const result of await settled) {
    assert.ok(result.status === 'rejected' && result.reason instanceof LookupError);
    assert.equal(result.reason.code, 'dns_timeout');
  }
});

test('a name is asked for once, however many wait for it', async (t) => {
  const server = await startDnsServer(t);
  const names = new NameLookup();
  names.useServers([server.address]);
  await Promise.all(Array.from({ length: 20 }, () => looked(names, 'good.test.')));
  assert.equal(server.questions.filter((name) => name === 'good.test').length, 2, 'A and AAAA');
});

test('a server that refuses, or fails, is told as a lookup that failed, never as a service that refused', async (t) => {
  const server = await startDnsServer(t);
  const names = new NameLookup();
  names.useServers([server.address]);
  await assert.rejects(looked(names, 'refused.test.'), { code: 'EAI_AGAIN' });
});
