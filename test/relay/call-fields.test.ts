// The fields of one call, as any HPACK decoder reads them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestIds } from '../../src/calls/request-id.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import { CallFields } from '../../src/relay/call-fields.ts';

function decoded({ bytes, length }: CallFields): string[] {
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4096, maxListSizeBytes: 10_000, maxFields: 10 });
  const { names, values } = decoder.decode(bytes, 0, length);
  return names.map((name, index) => `${name}: ${values[index]}`);
}

test('the id and the timeout are written behind one another', () => {
  const ids = new RequestIds();
  const fields = new CallFields(ids);
  const number = ids.next();
  fields.begin();
  fields.addRequestId(number);
  fields.addTimeout('99999999H');
  assert.deepEqual(decoded(fields), [`x-request-id: ${ids.text(number)}`, 'grpc-timeout: 99999999H']);
});

test('every call begins anew', () => {
  const ids = new RequestIds();
  const fields = new CallFields(ids);
  for (let call = 0; call < 100; call++) {
    const number = ids.next();
    fields.begin();
    fields.addRequestId(number);
    assert.deepEqual(decoded(fields), [`x-request-id: ${ids.text(number)}`]);
  }
  fields.begin();
  fields.addTimeout('1n');
  assert.deepEqual(decoded(fields), ['grpc-timeout: 1n']);
  fields.begin();
  assert.equal(fields.length, 0);
});

test('a timeout that comes again is written as before, and another one as itself', () => {
  const fields = new CallFields(new RequestIds());
  for (const timeout of ['15S', '15S', '15S', '7m', '7m', '15S', '7m']) {
    fields.begin();
    fields.addTimeout(timeout);
    fields.addPreviousAttempts(2);
    assert.deepEqual(decoded(fields), [`grpc-timeout: ${timeout}`, 'grpc-previous-rpc-attempts: 2']);
  }
});
