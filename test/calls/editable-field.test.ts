// Which header fields policies may set, and that a field for single calls is one of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddedFields } from '../../src/calls/added-fields.ts';
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

test('fields that are added to calls are checked when they are made', () => {
  const { list } = new AddedFields([
    ['x-user', 'Zo\xc3\xab'],
    ['x-empty', ''],
  ]);
  assert.deepEqual(
    [list.names, list.values],
    [
      ['x-user', 'x-empty'],
      ['Zo\xc3\xab', ''],
    ],
  );
  for (const name of [':path', 'X-User', 'a b', '', 'host', 'grpc_timeout', 'grpc-status', 'x-request-id'])
    assert.throws(() => new AddedFields([[name, 'alice']]), /a policy may not/, name);
  for (const value of ['two\r\nlines', 'nul\0', '\u010a', ' alice', 'alice\t', 'Zo\xeb'])
    assert.throws(() => new AddedFields([['x-user', value]]), /what no field may hold/, value);
});
