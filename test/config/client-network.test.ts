// Which network a client is counted for: one host, or a network of which one host may use every address.

import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { clientNetwork, networkAddress } from '../../src/config/client-network.ts';

for (const [address, counted] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['2001:DB8::7', '2001:db8:0:0::/64'],
  ['2001:db8:1::', '2001:db8:1:0::/64'],
  ['2001:0db8:0000:00ab:1:2:3:4', '2001:db8:0:ab::/64'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4::/64'],
  ['1::5:6:7:8', '1:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  // Its deprecated form "IPv4-compatible" (RFC 4291 section 2.5.5.1) stands for an IPv4 host as well.
  ['::192.0.2.1', '192.0.2.1'],
  ['', ''],
  ['unix:', 'unix:'],
  ['1:2:3', '1:2:3'],
  ['1::2::3', '1::2::3'],
  ['::12345', '::12345'],
  [':'.repeat(100), ':'.repeat(100)],
] as const) {
  test(`${address} counts as ${counted}`, () => {
    assert.equal(clientNetwork(address), counted);
  });
}

test('every way to write an IPv6 address counts as the one that a URL has', () => {
  const group = fc.oneof(
    fc.constant('0'),
    fc.constant('0000'),
    fc.nat(0xffff).map((bits) => bits.toString(16).toUpperCase()),
  );
  const written = fc
    .tuple(fc.array(group, { maxLength: 8 }), fc.array(group, { maxLength: 8 }), fc.boolean())
    .map(([head, tail, isShort]) => [...head, ...(isShort ? [''] : []), ...tail].join(':'))
    .map((text) => text.replace(/^:/, '::').replace(/:$/, '::'))
    .filter((text) => isIPv6(text));
  fc.assert(
    fc.property(written, (text) => {
      const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
      assert.equal(clientNetwork(text), clientNetwork(canonical));
      assert.match(clientNetwork(text), /^(?:(?:[0-9a-f]{1,4}:){4}:\/64|\d+\.\d+\.\d+\.\d+)$/);
    }),
    { numRuns: 500, seed: 1 },
  );
});

for (const [network, text, isSame] of [
  ['10.0.0.0/8', '10.0.0.0', true],
  ['10.0.0.1/8', '10.0.0.0', false],
  ['2001:db8::/32', '2001:db8::', true],
  ['2001:DB8::/32', '2001:db8::', true],
  ['2001:0db8:0000::/32', '2001:db8::', true],
  ['2001:db8:0:0:0:0:0:0/32', '2001:db8::', true],
  ['0:0::/0', '::', true],
  ['2001:0DB8::1/32', '2001:db8::', false],
] as const)
  test(`${network} ${isSame ? 'is written' : 'is not written'} with the first address of its network, ${text}`, () => {
    assert.deepEqual(networkAddress(network), { text, isSame });
  });

test('what is no network has no first address', () => {
  for (const text of ['', '10.0.0.1', '10.0.0.0/33', '::/129', 'a/8', '1.2.3/8', `${':'.repeat(100)}/8`])
    assert.equal(networkAddress(text), undefined, text);
});
