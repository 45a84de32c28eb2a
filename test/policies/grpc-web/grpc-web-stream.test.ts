// A gRPC-Web client's stream before an exchange, both on streams that are connected to nothing: what the service is sent,
// what the client is sent, and that nothing is lost where it reads slowly.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../../src/calls/failure.ts';
import { Base64Decoder } from '../../../src/grpc/grpc-web-base64.ts';
import { trailerFrame } from '../../../src/grpc/grpc-web-trailers.ts';
import { ErrorCode } from '../../../src/h2/error-codes.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import { GrpcWebStream } from '../../../src/policies/grpc-web/grpc-web-stream.ts';
import { grpcMessage } from '../../support/raw-frames.ts';
import { base64, WebExchange } from '../../support/web-exchange.ts';

const TRAILERS = HeaderList.of(['grpc-status', '0'], ['key', 'value']);
const FRAME = trailerFrame(TRAILERS.names, TRAILERS.values).toString('latin1');
const MESSAGE = grpcMessage(Buffer.from('hello'));
const HEAD = 'headers :status=200 content-type=application/grpc-web';

test('trailers become the last frame of the body, and end it', (t) => {
  const ran = new WebExchange(t);
  ran.sends(MESSAGE, true);
  assert.deepEqual(ran.attempt.takeLog(), [`data "${MESSAGE.toString('latin1')}" end`]);
  ran.responds(MESSAGE);
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  assert.deepEqual(ran.client.takeLog(), [
    HEAD,
    `data "${MESSAGE.toString('latin1')}"`,
    `data "${FRAME}" end`,
    'reset NO_ERROR',
  ]);
  ran.finishesOnce('OK');
  assert.deepEqual([ran.records[0].requestMessages, ran.records[0].responseMessages], [1, 1]);
});

test('Trailers-Only stays one block of header fields', (t) => {
  const ran = new WebExchange(t);
  const list = HeaderList.of([':status', '200'], ['content-type', 'application/grpc'], ['grpc-status', '5']);
  ran.attempt.stream.owner.onResponse(list, true);
  assert.deepEqual(ran.client.takeLog(), [
    'headers :status=200 grpc-status=5 content-type=application/grpc-web end',
    'reset NO_ERROR',
  ]);
  ran.finishesOnce('NOT_FOUND');
});

test('a text request is decoded as it comes, and credited as it was sent', (t) => {
  const ran = new WebExchange(t, 'application/grpc-web-text');
  const text = `${base64('ab')}${base64('cde')}`;
  ran.sends(text.slice(0, 3));
  assert.deepEqual(ran.attempt.takeLog(), []);
  assert.equal(ran.client.creditedBytes, 3);
  ran.sends(text.slice(3), true);
  assert.deepEqual(ran.attempt.takeLog(), ['data "abcde" end']);
  assert.equal(ran.client.creditedBytes, text.length);
});

test('while the service takes nothing a text request gets no credit, and all of it afterwards', (t) => {
  const ran = new WebExchange(t, 'application/grpc-web-text');
  ran.attempt.room = 0;
  const text = base64('a').repeat(300);
  ran.sends(text);
  assert.equal(ran.client.creditedBytes, 0);
  ran.attempt.room = 30;
  ran.attempt.stream.owner.onWritable();
  assert.equal(ran.client.creditedBytes, 40);
  ran.attempt.room = 1000;
  ran.attempt.stream.owner.onWritable();
  assert.equal(ran.client.creditedBytes, text.length);
});

for (const [what, text, ends] of [
  ['is not base64', 'AAAA!!!!', false],
  ['ends in the middle of it', 'AAAAA', true],
] as const) {
  test(`a text request that ${what} is INTERNAL, with a sentence, and the service's call is cancelled`, (t) => {
    const ran = new WebExchange(t, 'application/grpc-web-text');
    ran.sends(text, ends);
    ran.sends('AAAA');
    const [answer, ...rest] = ran.client.takeLog();
    assert.match(answer, /grpc-status=13 grpc-message=The body of this .* end$/);
    assert.deepEqual(rest, ['reset NO_ERROR']);
    assert.deepEqual(ran.attempt.takeLog(), ['reset CANCEL']);
    ran.finishesOnce('INTERNAL', 'grpc_web_text_malformed: ');
  });
}

test('a text response is base64 in pieces that stand for themselves, trailers included', (t) => {
  const ran = new WebExchange(t, 'application/grpc-web-text');
  ran.responds(MESSAGE, MESSAGE);
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  assert.deepEqual(ran.client.takeLog(), [
    'headers :status=200 content-type=application/grpc-web-text',
    `data "${base64(MESSAGE)}"`,
    `data "${base64(MESSAGE)}"`,
    `data "${base64(FRAME)}" end`,
    'reset NO_ERROR',
  ]);
});

test('a slow client gets all of a text response, and the service waits for it', (t) => {
  const ran = new WebExchange(t, 'application/grpc-web-text');
  const message = grpcMessage(Buffer.alloc(50_000, 'x'));
  ran.client.room = 1000;
  ran.responds(message);
  assert.equal(ran.attempt.creditedBytes, 12_288, 'one piece is held');
  assert.ok(ran.translator instanceof GrpcWebStream);
  assert.ok(ran.translator.room.heldBytes > 12_288 - 1000, 'and is shown as what waits for the client');
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  let content = ran.takeContent();
  for (let round = 0; round < 200 && ran.homecomings === 0; round++) {
    ran.makesRoom(777);
    content += ran.takeContent();
  }
  const decoded = new Base64Decoder().decode(Buffer.from(content), 0, content.length);
  assert.ok(decoded?.equals(Buffer.concat([message, Buffer.from(FRAME, 'latin1')])), 'byte for byte');
  assert.equal(ran.attempt.creditedBytes, message.length);
  ran.finishesOnce('OK');
});

test('trailers wait for room, and the connection for them', (t) => {
  const ran = new WebExchange(t);
  ran.responds(MESSAGE);
  ran.client.room = 4;
  ran.client.takeLog();
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  assert.deepEqual(ran.client.takeLog(), [`data "${FRAME.slice(0, 4)}"`]);
  assert.equal(ran.homecomings, 0);
  ran.makesRoom(1000);
  assert.deepEqual(ran.client.takeLog(), [`data "${FRAME.slice(4)}" end`, 'reset NO_ERROR']);
  ran.translator.onWritable();
  ran.finishesOnce('OK');
});

test('a client that goes while trailers wait is let go', (t) => {
  const ran = new WebExchange(t);
  ran.responds(MESSAGE);
  ran.client.room = 4;
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  ran.translator.onReset(ErrorCode.CANCEL, undefined);
  ran.translator.onConnectionLost('gone');
  ran.finishesOnce('OK');
});

test('a status of our own comes as a frame once the response has begun', (t) => {
  const ran = new WebExchange(t);
  ran.responds(MESSAGE);
  ran.client.takeLog();
  ran.translator.abort(failure('draining', 'Call again.'));
  const frame = trailerFrame(['grpc-status', 'grpc-message'], ['14', 'Call again. (FG3006)']).toString(
    'latin1',
  );
  assert.deepEqual(ran.client.takeLog(), [`data "${frame}" end`, 'reset NO_ERROR']);
  ran.finishesOnce('UNAVAILABLE', 'draining: ');
});

test('a client that takes nothing is counted for what is held, and not waited for when the call is ended', (t) => {
  const ran = new WebExchange(t, 'application/grpc-web-text');
  ran.client.room = 4;
  ran.responds(MESSAGE, MESSAGE);
  assert.equal(ran.translator.response.pendingBytes, base64(MESSAGE).length - 4 + MESSAGE.length);
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  ran.client.takeLog();
  ran.translator.abort(failure('draining', 'Call again.'));
  assert.deepEqual(ran.client.takeLog(), ['reset INTERNAL_ERROR']);
  assert.equal(ran.translator.response.pendingBytes, 0);
  ran.finishesOnce('UNAVAILABLE', 'draining: ');
});

test('a call that is over but for its trailers is ended too', (t) => {
  const ran = new WebExchange(t);
  ran.responds(MESSAGE);
  ran.client.room = 4;
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  assert.equal(ran.translator.response.pendingBytes, FRAME.length - 4);
  ran.client.takeLog();
  ran.translator.abort(failure('draining', 'Call again.'));
  assert.deepEqual(ran.client.takeLog(), ['reset INTERNAL_ERROR']);
  ran.finishesOnce('OK');
});

test('a status in the middle of a message would be read as part of it: the response is reset', (t) => {
  const ran = new WebExchange(t);
  ran.responds(MESSAGE.subarray(0, 7));
  ran.client.takeLog();
  ran.translator.abort(failure('draining', 'Call again.'));
  assert.deepEqual(ran.client.takeLog(), ['reset INTERNAL_ERROR']);
  ran.finishesOnce('UNAVAILABLE', 'draining: ');
});

test('a reset before the response is told as a status, since a page cannot see codes', (t) => {
  const ran = new WebExchange(t);
  ran.attempt.stream.owner.onReset(ErrorCode.ENHANCE_YOUR_CALM, undefined);
  assert.deepEqual(ran.client.takeLog(), [
    'headers :status=200 grpc-status=8 grpc-message=The service reset the call (ENHANCE_YOUR_CALM). content-type=application/grpc-web end',
    'reset NO_ERROR',
  ]);
  ran.finishesOnce('RESOURCE_EXHAUSTED');
});

test('a reset of a response that has begun is passed on with its code', (t) => {
  const ran = new WebExchange(t, 'application/grpc-web-text');
  ran.client.room = 3;
  ran.responds(MESSAGE);
  ran.client.takeLog();
  ran.attempt.stream.owner.onReset(ErrorCode.CANCEL, undefined);
  assert.deepEqual(ran.client.takeLog(), ['reset CANCEL']);
  ran.finishesOnce('CANCELLED');
});

test('a client that resets the call cancels it at the service', (t) => {
  const ran = new WebExchange(t);
  ran.responds(MESSAGE);
  ran.translator.onReset(ErrorCode.CANCEL, undefined);
  assert.deepEqual(ran.attempt.takeLog(), ['reset CANCEL']);
  ran.finishesOnce('CANCELLED');
});
