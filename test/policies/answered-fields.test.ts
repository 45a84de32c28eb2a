// The header fields that a service which refuses a call sends to the client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FieldAction, refusalFields } from '../../src/policies/answered-fields.ts';

function option(name: string, value: string, action: FieldAction = 'set') {
  return { name, value, action };
}

test('all fields of one name reach the client of a refusal, as a login with two cookies needs it', () => {
  const cookies = [option('set-cookie', 'a=1'), option('location', '/login'), option('set-cookie', 'b=2')];
  assert.deepEqual(refusalFields(cookies), [
    ['set-cookie', 'a=1'],
    ['location', '/login'],
    ['set-cookie', 'b=2'],
  ]);
});

test('a refusal has one type of its body, the last that is named', () => {
  const types = [option('content-type', 'text/plain'), option('content-type', 'text/html', 'add')];
  assert.deepEqual(refusalFields(types), [['content-type', 'text/html']]);
});

test('a field that is added if absent is left out of a refusal that has one of its name, and not otherwise', () => {
  const fields = [
    option('x-a', '1'),
    option('x-a', '2', 'add-if-absent'),
    option('x-b', '3', 'add-if-absent'),
    option('x-c', '4', 'set-if-present'),
  ];
  assert.deepEqual(refusalFields(fields), [
    ['x-a', '1'],
    ['x-b', '3'],
  ]);
});

test('what a client may not be sent is left out of a refusal', () => {
  const fields = [option('grpc-status', '0'), option('x-a', 'b\r\nc: d'), option('connection', 'close')];
  assert.deepEqual(refusalFields(fields), []);
});
