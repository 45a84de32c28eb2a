// How addresses are written for channelz.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipBytes } from '../../../src/admin/rpc/channelz-messages.ts';

const addresses: readonly (readonly [text: string, hex: string])[] = [
  ['127.0.0.1', '7f000001'],
  ['::ffff:10.0.0.7', '0a000007'],
  ['::', '00'.repeat(16)],
  ['::1', `${'00'.repeat(15)}01`],
  ['2001:db8::1:2', '20010db8000000000000000000010002'],
  ['fe80::1%eth0', `fe80${'00'.repeat(13)}01`],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['localhost', ''],
  ['1:2:3', ''],
  ['1:2:3:4:5:6:7:8:9', ''],
  ['', ''],
];
for (const [text, hex] of addresses) {
  test(`'${text}' has ${hex.length / 2} bytes`, () => {
    assert.equal(ipBytes(text).toString('hex'), hex);
  });
}
