// Bodies of requests to HTTP/1.1 services: how they are framed, and when they end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestBody } from '../../../src/upstreams/http1/request-body.ts';
import type { Framing } from '../../../src/upstreams/http1/request-fields.ts';

/** A body, and what it has sent and told. */
function bodyOf(framing: Framing) {
  const told: string[] = [];
  const sent: Buffer[] = [];
  const body = new RequestBody(framing, {
    onOpen: () => told.push('open'),
    onRoom: () => told.push('room'),
    onSent: () => told.push('sent'),
  });
  const target = {
    hasRoom: true,
    unsentBytes: 0,
    write: (bytes: Buffer) => (sent.push(bytes), target.hasRoom),
  };
  return { body, told, target, text: () => Buffer.concat(sent).toString('latin1') };
}

function send(body: RequestBody, text: string, endStream: boolean): number {
  return body.send(Buffer.from(text), 0, text.length, endStream);
}

test('a body without a length goes in chunks, with its trailers behind the last one', () => {
  const { body, told, target, text } = bodyOf('chunked');
  body.open(target);
  assert.equal(send(body, 'a'.repeat(20), false), 20);
  assert.equal(body.sendTrailers(['Sum', '1']), true);
  assert.equal(text(), `14\r\n${'a'.repeat(20)}\r\n0\r\nSum: 1\r\n\r\n`);
  assert.deepEqual([told, body.hasEnded, body.sentBytes], [['open', 'sent'], true, 20]);
});

test('a body with a length goes as it is, and has no place for trailers', () => {
  const { body, target, text } = bodyOf('length');
  body.open(target);
  send(body, 'abc', false);
  body.sendTrailers(['Sum', '1']);
  assert.equal(text(), 'abc');
});

test('trailers that have no form are not sent, and the body does not end', () => {
  const { body, target, text } = bodyOf('chunked');
  body.open(target);
  assert.equal(body.sendTrailers(['Sum', '1\r\nX: 2']), false);
  assert.deepEqual([text(), body.hasEnded], ['', false]);
});

test('nothing is taken before there is a connection, and an end is kept for it', () => {
  const { body, told, target, text } = bodyOf('chunked');
  assert.equal(send(body, 'abc', false), 0);
  assert.equal(body.send(Buffer.alloc(0), 0, 0, true), 0);
  assert.deepEqual([told, body.hasEnded], [[], true]);
  body.open(target);
  assert.equal(text(), '0\r\n\r\n');
  assert.deepEqual(told, ['open', 'sent']);
});

test('a body takes nothing while its connection has no room, and goes on when there is', () => {
  const { body, told, target } = bodyOf('length');
  target.hasRoom = false;
  body.open(target);
  assert.equal(send(body, 'abc', false), 3);
  assert.deepEqual([send(body, 'def', false), body.hasRoom], [0, false]);
  body.drained();
  assert.deepEqual([told.at(-1), body.hasRoom, send(body, 'def', true)], ['room', true, 3]);
  assert.deepEqual([send(body, 'x', true), body.hasRoom], [0, false]);
});

test('a body that was stopped sends nothing more, with or without a connection', () => {
  const { body, told, target, text } = bodyOf('chunked');
  body.send(Buffer.alloc(0), 0, 0, true);
  body.stop();
  body.open(target);
  body.drained();
  assert.deepEqual([text(), told, send(body, 'a', true)], ['', [], 0]);
});
