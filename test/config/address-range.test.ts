// Ranges of addresses as people write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressRange, withoutPort } from '../../src/config/address-range.ts';

test('a range has the addresses of its network, and one address is a range of itself', () => {
  const cases: readonly (readonly [range: string, inside: readonly string[], outside: readonly string[]])[] =
    [
      ['10.0.0.0/8', ['10.0.0.1', '10.255.255.255', '::ffff:10.1.2.3'], ['11.0.0.1', '::1', 'unix', '']],
      ['10.1.2.3', ['10.1.2.3'], ['10.1.2.4']],
      ['0.0.0.0/0', ['192.0.2.1'], ['2001:db8::1']],
      ['2001:db8::/32', ['2001:db8::1', '2001:db8:ffff::1%eth0'], ['2001:db9::1', '10.0.0.1']],
      ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2']],
      ['::/0', ['2001:db8::1', '::1'], ['10.0.0.1', 'unix', '']],
    ];
  for (const [range, inside, outside] of cases) {
    const has = addressRange(range);
    assert.ok(has !== undefined, range);
    for (const address of inside) assert.ok(has(address), `${address} is in ${range}`);
    for (const address of outside) assert.ok(!has(address), `${address} is not in ${range}`);
  }
});

test('another text is no range', () => {
  const texts = [
    '',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0/8',
    '1:2',
  ];
  for (const text of texts) assert.equal(addressRange(text), undefined, text);
});

test('a peer is its address without port and brackets', () => {
  assert.equal(withoutPort('192.0.2.7:80'), '192.0.2.7');
  assert.equal(withoutPort('[::1]:80'), '::1');
  assert.equal(withoutPort('::1'), '::1');
  assert.equal(withoutPort('2001:db8::/32'), '2001:db8::/32');
  assert.equal(withoutPort('10.0.0.0/8'), '10.0.0.0/8');
  assert.equal(withoutPort('unix'), 'unix');
});
