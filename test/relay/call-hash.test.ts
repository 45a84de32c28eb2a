// What calls are kept together by.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { hashOfCall } from '../../src/relay/call-hash.ts';
import { upperHash } from '../../src/upstreams/balancers/xxh64.ts';

const call = { method: '/a.B/C?page=2', clientKey: '192.0.2.1' };

function fields(...values: readonly (readonly [name: string, value: string])[]): HeaderList {
  const list = new HeaderList();
  for (const [name, value] of values) list.add(name, value);
  return list;
}

test('a header field, the address of the client, or the path without its query', () => {
  const list = fields(['x-session', 'one']);
  assert.equal(hashOfCall({ by: 'header', name: 'x-session' }, list, call), upperHash('one'));
  assert.equal(hashOfCall({ by: 'client' }, list, call), upperHash('192.0.2.1'));
  assert.equal(hashOfCall({ by: 'path' }, list, call), upperHash('/a.B/C'));
});

test('several header fields of one name are one value, as routes and policies read them', () => {
  const by = { by: 'header', name: 'x-session' } as const;
  const list = fields(['x-session', 'one'], ['x-other', 'x'], ['x-session', 'two'], ['x-session', '']);
  assert.equal(hashOfCall(by, list, call), upperHash('one, two, '));
  const reversed = fields(['x-session', 'two'], ['x-session', 'one']);
  assert.equal(hashOfCall(by, reversed, call), upperHash('two, one'));
});

test('a cookie that a client of HTTP/2 has divided has the hash that it has undivided', () => {
  const by = { by: 'header', name: 'cookie' } as const;
  assert.equal(hashOfCall(by, fields(['cookie', 'a=1'], ['cookie', 'b=2']), call), upperHash('a=1; b=2'));
});

test('a call without a key has no hash', () => {
  assert.equal(hashOfCall({ by: 'header', name: 'x-session' }, fields(), call), undefined);
  assert.equal(hashOfCall({ by: 'header', name: 'x-session' }, fields(['x-session', '']), call), undefined);
  assert.equal(hashOfCall({ by: 'client' }, fields(), { ...call, clientKey: '' }), undefined);
});

test('of a long key only the beginning is hashed, since its client pays nothing for our time', () => {
  const long = 'x'.repeat(16_000);
  assert.equal(
    hashOfCall({ by: 'header', name: 'k' }, fields(['k', long]), call),
    upperHash('x'.repeat(1024)),
  );
});
