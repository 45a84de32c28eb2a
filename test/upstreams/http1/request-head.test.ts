// Heads of requests to HTTP/1.1 services: every character is one byte, and what could become another request is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutgoingHead } from '../../../src/upstreams/http1/request-fields.ts';
import { encodeHead, encodeRest } from '../../../src/upstreams/http1/request-head.ts';

function headWith(changes: Partial<OutgoingHead>): OutgoingHead {
  return {
    method: 'GET',
    target: '/',
    fields: ['Host', 'a'],
    framing: 'none',
    expectsContinue: false,
    ...changes,
  };
}

function textOf(head: OutgoingHead, callFields: readonly string[] = []): string | undefined {
  const encoded = encodeHead(head);
  const rest = encoded === undefined ? undefined : encodeRest(encoded, callFields);
  return encoded === undefined || rest === undefined
    ? undefined
    : Buffer.concat([encoded.bytes, rest]).toString('latin1');
}

test('a head has its fields in their order, those of the call behind them, and keeps the connection', () => {
  assert.equal(
    textOf(headWith({ method: 'PATCH', target: '/a?b', fields: ['Host', 'a', 'X', '1'] }), ['id', '7']),
    'PATCH /a?b HTTP/1.1\r\nHost: a\r\nX: 1\r\nid: 7\r\nConnection: keep-alive\r\n\r\n',
  );
});

test('a head that names options of its connection gets no second Connection field', () => {
  const text = textOf(headWith({ fields: ['Host', 'a', 'TE', 'trailers', 'Connection', 'keep-alive, TE'] }));
  assert.equal(text?.match(/connection/gi)?.length, 1);
  assert.match(text ?? '', /\r\n\r\n$/);
});

test('bytes above ASCII are sent as they came, in targets and values', () => {
  const encoded = encodeHead(headWith({ target: '/\xe4', fields: ['Host', 'a', 'X', '\xff\xe9'] }));
  assert.deepEqual(encoded?.bytes, Buffer.from('GET /\xe4 HTTP/1.1\r\nHost: a\r\nX: \xff\xe9\r\n', 'latin1'));
});

for (const [what, changes] of [
  ['a method with white space', { method: 'GET /x' }],
  ['a method in small letters', { method: 'get' }],
  ['an empty method', { method: '' }],
  ['a target with a space', { target: '/ HTTP/1.1' }],
  ['a target with a line', { target: '/\r\nX: 1' }],
  ['an empty target', { target: '' }],
  ['a target with a character that is no byte', { target: '/\u010a' }],
  ['a name with a colon', { fields: ['a:', 'b'] }],
  ['a name with a line', { fields: ['a\r\nb', 'c'] }],
  ['an empty name', { fields: ['', 'c'] }],
  ['a value with a line', { fields: ['a', 'b\r\nc: d'] }],
  ['a value with a bare line feed', { fields: ['a', 'b\nc: d'] }],
  ['a value with a null', { fields: ['a', '\0'] }],
  ['a value that would become a line feed as a byte', { fields: ['a', 'b\u010ac'] }],
] as const) {
  test(`a head with ${what} has no form`, () => {
    assert.equal(textOf(headWith(changes)), undefined);
    if (!('fields' in changes)) return;
    assert.equal(textOf(headWith({}), changes.fields), undefined);
  });
}
