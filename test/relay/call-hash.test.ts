// What calls are kept together by.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOfCall } from '../../src/relay/call-hash.ts';
import { upperHash } from '../../src/upstreams/balancers/xxh64.ts';

const call = { method: '/a.B/C?page=2', clientKey: '192.0.2.1' };

function fields(values: Readonly<Record<string, string>>) {
  return { get: (name: string) => values[name] };
}

test('a header field, the address of the client, or the path without its query', () => {
  const list = fields({ 'x-session': 'one' });
  assert.equal(hashOfCall({ by: 'header', name: 'x-session' }, list, call), upperHash('one'));
  assert.equal(hashOfCall({ by: 'client' }, list, call), upperHash('192.0.2.1'));
  assert.equal(hashOfCall({ by: 'path' }, list, call), upperHash('/a.B/C'));
});

test('a call without a key has no hash', () => {
  assert.equal(hashOfCall({ by: 'header', name: 'x-session' }, fields({}), call), undefined);
  assert.equal(hashOfCall({ by: 'header', name: 'x-session' }, fields({ 'x-session': '' }), call), undefined);
  assert.equal(hashOfCall({ by: 'client' }, fields({}), { ...call, clientKey: '' }), undefined);
});

test('of a long key only the beginning is hashed, since its client pays nothing for our time', () => {
  const long = 'x'.repeat(16_000);
  assert.equal(
    hashOfCall({ by: 'header', name: 'k' }, fields({ k: long }), call),
    upperHash('x'.repeat(1024)),
  );
});
