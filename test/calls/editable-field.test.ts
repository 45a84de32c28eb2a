// Which header fields policies may set, and that a field for single calls is one of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddedField } from '../../src/calls/added-field.ts';
import { maySetField } from '../../src/calls/editable-field.ts';

test('another service may not set what concerns the hop, the protocol or gRPC', () => {
  for (const name of [
    ':path',
    'host',
    'te',
    'connection',
    'content-length',
    'grpc-status',
    'grpc-timeout',
    'x-request-id',
    'grpc_status',
    'grpc.encoding',
    'content_type',
    'content_length',
    'transfer_encoding',
    'a b',
    '',
  ])
    assert.equal(maySetField(name, 'value'), false, name);
  assert.equal(maySetField('x-user', 'alice'), true);
  assert.equal(maySetField('x-user', 'a\r\nb'), false);
});

test('a field that is added to calls is checked when it is made', () => {
  const field = new AddedField('x-user', 'Zo\xc3\xab');
  assert.deepEqual([field.name, field.value], ['x-user', 'Zo\xc3\xab']);
  assert.equal(new AddedField('x-user', '').value, '');
  for (const name of [':path', 'X-User', 'a b', '', 'host', 'grpc_timeout', 'grpc-status', 'x-request-id'])
    assert.throws(() => new AddedField(name, 'alice'), /a policy may not/, name);
  for (const value of ['two\r\nlines', 'nul\0', '\u010a', ' alice', 'alice\t', 'Zo\xeb'])
    assert.throws(() => new AddedField('x-user', value), /what no field may hold/, value);
});
