import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { fieldsAt } from '../../src/relay/endpoint-authority.ts';

function forwardedOf(...fields: readonly (readonly [string, string])[]) {
  const list = HeaderList.of([':method', 'POST'], [':path', '/a'], ...fields, ['x-a', '1']);
  return { takesEndpointAuthority: true, fields: list, apart: 'apart', sizeBytes: list.sizeBytes + 40 };
}

test('only the authority differs, and its size counts', () => {
  const forwarded = forwardedOf([':authority', 'client.test']);
  const { fields, apart, sizeBytes } = fieldsAt(forwarded, { authority: '127.0.0.1:50051' });
  assert.deepEqual(fields.names, [':method', ':path', ':authority', 'x-a']);
  assert.deepEqual(fields.values, ['POST', '/a', '127.0.0.1:50051', '1']);
  assert.deepEqual([apart, sizeBytes], ['apart', fields.sizeBytes + 40]);
});

test('a request without a host gets one, before its other fields', () => {
  const { fields } = fieldsAt(forwardedOf(), { authority: 'a:1' });
  assert.deepEqual(fields.names, [':method', ':path', ':authority', 'x-a']);
});

test('an endpoint is sent the same list again, so that its block can be kept', () => {
  const forwarded = forwardedOf([':authority', 'client.test']);
  const [one, other] = ['a:1', 'b:1'].map((authority) => fieldsAt(forwarded, { authority }).fields);
  assert.notEqual(one, other);
  assert.equal(fieldsAt(forwarded, { authority: 'a:1' }).fields, one);
  assert.equal(fieldsAt(forwarded, { authority: 'b:1' }).fields, other);
});

test('however many endpoints come and go, what they are sent is right', () => {
  const forwarded = forwardedOf([':authority', 'client.test']);
  for (let index = 0; index < 200; index++) {
    const authority = `a:${index + 1}`;
    assert.equal(fieldsAt(forwarded, { authority }).fields.get(':authority'), authority);
  }
});

test('lists are kept for 64 endpoints, and made anew for more', () => {
  const forwarded = forwardedOf([':authority', 'client.test']);
  const listOf = (index: number) => fieldsAt(forwarded, { authority: `a:${index + 1}` }).fields;
  const lists = Array.from({ length: 64 }, (_, index) => listOf(index));
  assert.ok(lists.every((list, index) => listOf(index) === list));
  listOf(64);
  assert.notEqual(listOf(0), lists[0]);
});

test('without the key, and where client and endpoint have one authority, nothing is made', () => {
  const forwarded = forwardedOf([':authority', 'a:1']);
  assert.equal(fieldsAt(forwarded, { authority: 'a:1' }), forwarded);
  const kept = { ...forwarded, takesEndpointAuthority: false };
  assert.equal(fieldsAt(kept, { authority: 'b:1' }), kept);
});
