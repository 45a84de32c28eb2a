// Whom an address stands for: one host, or a network of which one host may use every address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countedAddress } from '../../src/config/counted-address.ts';

for (const [address, counted] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['2001:DB8::7', '2001:db8:0:0::/64'],
  ['2001:db8:1::', '2001:db8:1:0::/64'],
  ['2001:0db8:0000:00ab:1:2:3:4', '2001:db8:0:ab::/64'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4::/64'],
  ['1::5:6:7:8', '1:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
] as const) {
  test(`${address} counts as ${counted}`, () => {
    assert.equal(countedAddress(address), counted);
  });
}
