// Whom a call is counted for: the address at the other end, or the client that a trusted peer names last.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { clientAddressOf, clientKeyOf, lastForwardedFor } from '../../src/relay/client-key.ts';

function keyOf(clientAddress: string, trusted: boolean, ...forwardedFor: string[]): string {
  const list = HeaderList.of(...forwardedFor.map((value) => ['x-forwarded-for', value] as const));
  return clientKeyOf({ clientAddress, trusted }, lastForwardedFor(list));
}

function addressOf(clientAddress: string, trusted: boolean, ...forwardedFor: string[]): string {
  const list = HeaderList.of(...forwardedFor.map((value) => ['x-forwarded-for', value] as const));
  return clientAddressOf({ clientAddress, trusted }, lastForwardedFor(list));
}

for (const [what, address, expected] of [
  ['a trusted peer that names nobody has its own address', addressOf('192.0.2.1', true), '192.0.2.1'],
  ['also one of a Unix socket', addressOf('unix:', true), 'unix:'],
  ['a trusted peer that names no address has none', addressOf('192.0.2.1', true, 'unknown'), ''],
  ['and so has one with an empty entry', addressOf('192.0.2.1', true, '203.0.113.1, '), ''],
  [
    'a trusted peer names the address of its client',
    addressOf('192.0.2.1', true, '203.0.113.1'),
    '203.0.113.1',
  ],
  ['a claim of other peers is no address', addressOf('192.0.2.1', false, '203.0.113.1'), '192.0.2.1'],
] as const) {
  test(`${what}: '${expected}'`, () => assert.equal(address, expected));
}

for (const [what, key, expected] of [
  ['an IPv4 address is itself', keyOf('192.0.2.1', false), '192.0.2.1'],
  ['an IPv6 address is its network', keyOf('2001:db8:0:1::7', false), '2001:db8:0:1::/64'],
  ['a claim of a peer that is not trusted is nothing', keyOf('192.0.2.1', false, '203.0.113.1'), '192.0.2.1'],
  ['a client of a unix socket has none', keyOf('unix:', false), ''],
  ['a trusted peer that names nobody speaks for many', keyOf('192.0.2.1', true), ''],
  ['a trusted peer names its client', keyOf('192.0.2.1', true, '203.0.113.1'), '203.0.113.1'],
  ['the last one counts', keyOf('192.0.2.1', true, '10.0.0.1, 203.0.113.1'), '203.0.113.1'],
  ['also of several fields', keyOf('192.0.2.1', true, '203.0.113.1', '203.0.113.2'), '203.0.113.2'],
  ['a port is left out', keyOf('192.0.2.1', true, '203.0.113.1:4711'), '203.0.113.1'],
  ['also behind brackets', keyOf('unix:', true, '[2001:db8::7]:4711'), '2001:db8:0:0::/64'],
  ['brackets alone', keyOf('unix:', true, '[2001:db8::7]'), '2001:db8:0:0::/64'],
  ['a zone is left out', keyOf('unix:', true, 'fe80::1%eth0'), 'fe80:0:0:0::/64'],
  ['what is no address is nobody', keyOf('192.0.2.1', true, 'unknown'), ''],
  ['and what is too long for one', keyOf('192.0.2.1', true, '1'.repeat(65)), ''],
  ['an empty entry is nobody', keyOf('192.0.2.1', true, '203.0.113.1, '), ''],
] as const) {
  test(`${what}: '${expected}'`, () => assert.equal(key, expected));
}
