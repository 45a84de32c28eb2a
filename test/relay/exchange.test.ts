// Exchanges on streams that are connected to nothing: each finishes once, with one record, whatever ends it.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { holds } from '../support/clocked-tokens.ts';
import { Ran } from '../support/ran-exchange.ts';

const RESPONSE = HeaderList.of([':status', '200'], ['content-type', 'application/grpc']);
const TRAILERS = HeaderList.of(['grpc-status', '0']);

test('a whole response ends the exchange, and what comes after changes nothing', (t) => {
  const ran = new Ran(t, {}, '1S');
  assert.equal(ran.deadlines.size, 1);
  const { owner } = ran.attempt.stream;
  owner.onResponse(RESPONSE, false);
  owner.onData(Buffer.from('reply'), 0, 5, false);
  owner.onTrailers(TRAILERS);
  ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  ran.exchange.onConnectionLost('gone');
  ran.exchange.onTimer();
  owner.onConnectionLost('gone');
  assert.deepEqual(ran.client.log, [
    'headers :status=200 content-type=application/grpc',
    'data "reply"',
    'headers grpc-status=0 end',
    'reset NO_ERROR',
  ]);
  ran.finishes('upstream', 'OK');
});

test('an answer that cannot be passed on is the failure of its endpoint', (t) => {
  const ran = new Ran(t);
  ran.attempt.stream.owner.onResponse(RESPONSE, false);
  ran.attempt.stream.owner.onData(Buffer.alloc(0), 0, 0, true);
  const { answered, failed, givenUp } = ran.connection.counts;
  assert.deepEqual([answered, failed, givenUp], [0, 1, 0]);
});

test('a response that is larger than its client accepts is no failure of the endpoint', (t) => {
  for (const sends of ['head', 'trailers'] as const) {
    const ran = new Ran(t, {}, undefined, false, sends === 'head' ? 10 : 100);
    const { owner } = ran.attempt.stream;
    owner.onResponse(RESPONSE, false);
    if (sends === 'trailers') owner.onTrailers(HeaderList.of(['grpc-status', '0'], ['x', 'y'.repeat(100)]));
    assert.deepEqual([ran.connection.counts.failed, ran.connection.counts.givenUp], [0, 1], sends);
    t.mock.timers.reset();
  }
});

test('a client that leaves has given its attempt up, and a whole response is an answer', (t) => {
  const ran = new Ran(t);
  ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  assert.deepEqual([ran.connection.counts.failed, ran.connection.counts.givenUp], [0, 1]);
});

test('a mistake of a client is recorded as such only if no service had its call, which may be to blame as well', (t) => {
  const refused = new Ran(t, { path: '/b.X/Y' });
  t.mock.timers.reset();
  const begun = new Ran(t);
  begun.exchange.fail(failure('no_route', 'The service did not expect this.'));
  assert.deepEqual(
    [refused, begun].map(({ records: [record] }) => [
      record.grpcStatus,
      record.attempts,
      record.isClientMistake,
    ]),
    [
      ['UNIMPLEMENTED', 0, true],
      ['UNIMPLEMENTED', 1, false],
    ],
  );
});

test('the time to a response is that to its head, and not to an interim response before it', (t) => {
  const ran = new Ran(t, { contentType: 'text/plain' });
  const { owner } = ran.attempt.stream;
  owner.onResponse(HeaderList.of([':status', '103']), false);
  assert.equal(ran.connection.counts.responses, 0);
  owner.onResponse(HeaderList.of([':status', '200']), false);
  owner.onData(Buffer.alloc(0), 0, 0, true);
  const { responses, answered } = ran.connection.counts;
  assert.deepEqual([responses, answered], [1, 1]);
});

test('a response the client has not taken yet is not ended by the deadline or a loss upstream', (t) => {
  const ran = new Ran(t);
  const { owner } = ran.attempt.stream;
  owner.onResponse(RESPONSE, false);
  ran.client.room = 0;
  owner.onData(Buffer.from('reply'), 0, 5, false);
  owner.onTrailers(TRAILERS);
  ran.exchange.onTimer();
  owner.onConnectionLost('gone');
  assert.equal(ran.records.length, 0);
  ran.client.room = 5;
  ran.exchange.onWritable();
  ran.finishes('upstream', 'OK');
});

test('the deadline passes a little after the timeout, with a status of ours', (t) => {
  const ran = new Ran(t, {}, '200m');
  ran.nowMs = 290;
  ran.deadlines.advance();
  assert.equal(ran.records.length, 0);
  ran.nowMs = 320;
  ran.deadlines.advance();
  assert.match(ran.client.log[0], /grpc-status=4 .* end$/);
  ran.finishes('framegate', 'DEADLINE_EXCEEDED', 'deadline_exceeded: ');
});

test('a loss in the middle of a response becomes trailers, of a plain one a reset', (t) => {
  const grpc = new Ran(t);
  grpc.attempt.stream.owner.onResponse(RESPONSE, false);
  grpc.attempt.stream.owner.onConnectionLost('gone');
  assert.match(grpc.client.log[1], /^headers grpc-status=14 grpc-message=.* end$/);
  grpc.finishes('framegate', 'UNAVAILABLE', 'upstream_connection_lost: ');

  t.mock.reset();
  const plain = new Ran(t, { contentType: 'text/plain' });
  plain.attempt.stream.owner.onResponse(HeaderList.of([':status', '200']), false);
  plain.attempt.stream.owner.onConnectionLost('gone');
  assert.equal(plain.client.log[1], 'reset INTERNAL_ERROR');
  plain.finishes('framegate', '', 'upstream_connection_lost: ');
});

test('a client that resets gets nothing more, and the upstream gets CANCEL', (t) => {
  const ran = new Ran(t);
  ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  assert.deepEqual(ran.client.log, []);
  assert.equal(ran.attempt.log.at(-1), 'reset CANCEL');
  ran.finishes('downstream', 'CANCELLED');
});

test('a reset from upstream is passed on with its code; NO_ERROR would look like an ordinary end', (t) => {
  for (const [code, passedOn] of [
    [ErrorCode.CANCEL, 'reset CANCEL'],
    [ErrorCode.NO_ERROR, 'reset INTERNAL_ERROR'],
  ] as const) {
    t.mock.reset();
    const ran = new Ran(t);
    ran.attempt.stream.owner.onReset(code, undefined);
    assert.deepEqual(ran.client.log, [passedOn]);
    ran.finishes('upstream', code === ErrorCode.CANCEL ? 'CANCELLED' : 'INTERNAL');
  }
});

test('an abort overrules what the client has not taken, and only that', (t) => {
  const ran = new Ran(t);
  ran.attempt.stream.owner.onResponse(RESPONSE, false);
  ran.client.room = 0;
  ran.attempt.stream.owner.onData(Buffer.from('reply'), 0, 5, false);
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  ran.exchange.abort(failure('draining', 'Stopping.'));
  ran.exchange.abort(failure('draining', 'Stopping.'));
  assert.deepEqual(ran.client.log.slice(1), [
    'headers grpc-status=14 grpc-message=Stopping. (FG3006) end',
    'reset NO_ERROR',
  ]);
  ran.finishes('framegate', 'UNAVAILABLE', 'draining: ');
});

test('a refused HEAD request gets no content', (t) => {
  const ran = new Ran(t, { method: 'HEAD', path: '/nowhere', contentType: 'text/plain' });
  assert.equal(ran.client.log.length, 2);
  assert.match(ran.client.log[0], /^headers :status=404 .* end$/);
  assert.equal(ran.client.log[1], 'reset NO_ERROR');
  ran.finishes('framegate', '', 'no_route: ');
  assert.equal(ran.records[0].responseBytes, 0);
  assert.equal(ran.records[0].httpStatus, 404);
});

test('when memory is short a gRPC call is refused with the time to come again, and reaches no upstream', (t) => {
  const ran = new Ran(t, {}, '1S', true);
  const [head] = ran.client.log;
  assert.match(head, /grpc-status=8 .*grpc-retry-pushback-ms=1\d{3} end$/);
  assert.equal(ran.connection.streams.length, 0);
  ran.finishes('framegate', 'RESOURCE_EXHAUSTED', 'memory_pressure: ');
});

test('another request is refused with 503 and retry-after', (t) => {
  const ran = new Ran(t, { contentType: 'text/plain' }, undefined, true);
  assert.match(ran.client.log[0], /^headers :status=503 .*retry-after=2 date=[^=]*$/);
  assert.equal(ran.connection.streams.length, 0);
  ran.finishes('framegate', '', 'memory_pressure: ');
});

test('a call that runs when memory becomes short runs on', (t) => {
  const ran = new Ran(t);
  ran.terms.isRefusingCalls = true;
  const { owner } = ran.attempt.stream;
  owner.onResponse(RESPONSE, false);
  owner.onData(Buffer.from('reply'), 0, 5, false);
  owner.onTrailers(TRAILERS);
  ran.finishes('upstream', 'OK');
});

const FAULT = new Error('a fault of ours');

/** What an event of the endpoint's connection, which carries the calls of others, can meet on the client's side. */
for (const step of ['sendHeaders', 'sendData', 'reset'] as const) {
  test(`a fault in ${step} towards the client ends this call only, and is reported`, (t) => {
    const ran = new Ran(t, {}, '1S');
    const { owner } = ran.attempt.stream;
    t.mock.method(ran.client.stream, step, () => {
      throw FAULT;
    });
    owner.onResponse(RESPONSE, false);
    owner.onData(Buffer.from('reply'), 0, 5, false);
    owner.onTrailers(TRAILERS);
    owner.onConnectionLost('gone');
    assert.ok(ran.faults.length > 0);
    assert.ok(ran.faults.every((fault) => fault === FAULT));
    assert.deepEqual([ran.records.length, ran.homecomings, ran.deadlines.size], [1, 1, 0]);
    assert.equal(ran.connection.released, ran.connection.streams.length);
  });
}

test('an observer that throws keeps nobody from knowing that the call is over', (t) => {
  const ran = new Ran(t);
  ran.onRecord = () => {
    throw FAULT;
  };
  const { owner } = ran.attempt.stream;
  owner.onResponse(RESPONSE, false);
  owner.onTrailers(TRAILERS);
  assert.deepEqual([ran.faults, ran.homecomings], [[FAULT], 1]);
});

test('a fault when the deadline passes ends this call only', (t) => {
  const ran = new Ran(t, {}, '1S');
  t.mock.method(ran.client.stream, 'sendHeaders', () => {
    throw FAULT;
  });
  ran.nowMs = 10_000;
  ran.deadlines.advance();
  assert.ok(ran.faults.length > 0);
  assert.deepEqual([ran.records.length, ran.homecomings, ran.deadlines.size], [1, 1, 0]);
});

/** Responds on a call whose response is held back by a limit. */
function heldBack(t: TestContext): { readonly ran: Ran; readonly held: { release(): void } } {
  const ran = new Ran(t, {}, '30S');
  const held = holds(ran.exchange.response, ran.deadlines, () => ran.exchange.onWritable());
  const { owner } = ran.attempt.stream;
  owner.onResponse(RESPONSE, false);
  owner.onData(Buffer.from('reply'), 0, 5, false);
  return { ran, held };
}

test('a deadline ends a response that a limit holds back, although all of it has come', (t) => {
  const { ran } = heldBack(t);
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  assert.equal(ran.connection.released, 1, 'the service is done');
  ran.nowMs += 31_000;
  ran.deadlines.advance();
  assert.match(ran.client.log[1], /^headers grpc-status=4 /);
  // As its admission does.
  ran.exchange.response.unlimit();
  ran.finishes('framegate', 'DEADLINE_EXCEEDED', 'deadline_exceeded');
});

test('what a limit holds back comes before the status of a call that has failed', (t) => {
  const { ran, held } = heldBack(t);
  ran.attempt.stream.owner.onConnectionLost('gone');
  assert.equal(ran.client.log.length, 1);
  held.release();
  ran.nowMs += 6000;
  ran.deadlines.advance();
  assert.equal(ran.client.log[1], 'data "reply"');
  assert.match(ran.client.log[2], /^headers grpc-status=14 /);
  ran.finishes('framegate', 'UNAVAILABLE', 'upstream_connection_lost');
});

test('an answer of the proxy itself is not limited', (t) => {
  const ran = new Ran(t, { contentType: 'text/plain' });
  holds(ran.exchange.response, ran.deadlines);
  ran.attempt.stream.owner.onConnectionLost('gone');
  assert.match(ran.client.log[1], /^data "The connection to a:1 was lost/);
  assert.match(ran.client.log[1], / end$/);
  assert.equal(ran.deadlines.size, 0);
});

test('the reports on a call end with it, although its observers have been replaced meanwhile', (t) => {
  const ran = new Ran(t);
  const { trace } = ran.exchange;
  let closings = 0;
  assert.ok(trace !== undefined);
  trace.watch = { close: () => closings++ };
  ran.attempt.stream.owner.onResponse(RESPONSE, false);
  assert.equal(closings, 0);
  ran.attempt.stream.owner.onTrailers(TRAILERS);
  ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  assert.equal(closings, 1);
});
