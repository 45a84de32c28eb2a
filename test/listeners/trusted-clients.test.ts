import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTrustedClients } from '../../src/listeners/trusted-clients.ts';

test('nobody is trusted by default', () => {
  const isTrusted = compileTrustedClients([]);
  for (const address of ['127.0.0.1', '::1', 'unix:', '']) assert.equal(isTrusted(address), false);
});

test('ranges and single addresses of both families', () => {
  const isTrusted = compileTrustedClients([
    '10.0.0.0/8',
    '192.0.2.7',
    'fd00::/8',
    '2001:db8::1',
    '172.16.0.0/12',
  ]);
  for (const address of ['10.0.0.1', '10.255.255.255', '192.0.2.7', 'fd12::1', '2001:db8::1', '172.31.0.1']) {
    assert.equal(isTrusted(address), true, address);
  }
  for (const address of [
    '11.0.0.1',
    '192.0.2.8',
    'fe80::1',
    '2001:db8::2',
    '172.32.0.1',
    'unix:',
    '',
    'nonsense',
  ]) {
    assert.equal(isTrusted(address), false, address);
  }
});

test('an IPv4 address within IPv6 is the IPv4 address', () => {
  assert.equal(compileTrustedClients(['10.0.0.0/8'])('::ffff:10.1.2.3'), true);
  assert.equal(compileTrustedClients(['10.0.0.0/8'])('::ffff:11.1.2.3'), false);
});

test('the whole world is a range', () => {
  const isTrusted = compileTrustedClients(['0.0.0.0/0', '::/0']);
  assert.equal(isTrusted('203.0.113.9'), true);
  assert.equal(isTrusted('2001:db8::9'), true);
});

test('unix sockets are trusted by name only', () => {
  assert.equal(compileTrustedClients(['unix:'])('unix:'), true);
  assert.equal(compileTrustedClients(['unix:'])('127.0.0.1'), false);
});

test('what is no range is refused', () => {
  for (const entry of [
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0.0/-1',
  ]) {
    assert.throws(() => compileTrustedClients([entry]), /is not an address range/, entry);
  }
});
