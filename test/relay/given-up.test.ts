// Calls that are given up: whether the deadline counts as the reason, and who blocked the call until then, in every way in which it can end.

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { type TestContext, test } from 'node:test';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { hasPassed } from '../../src/relay/deadline.ts';
import { Ran } from '../support/ran-exchange.ts';

const HEAD = HeaderList.of([':status', '200'], ['content-type', 'application/grpc']);
const DEADLINE_EXCEEDED = HeaderList.of(['grpc-status', '4']);
const ONLY_TRAILERS = HeaderList.of(
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-status', '4'],
);

/** An exchange whose clock stands still but for `passes`. */
class Clocked {
  readonly ran: Ran;
  #nowMs = 5000;

  constructor(t: TestContext, request: ConstructorParameters<typeof Ran>[1], timeout?: string) {
    t.mock.reset();
    t.mock.method(performance, 'now', () => this.#nowMs);
    this.ran = new Ran(t, request, timeout);
  }

  passes(ms: number): void {
    this.#nowMs += ms;
    this.ran.nowMs += ms;
  }

  get record(): ExchangeRecord {
    assert.equal(this.ran.records.length, 1);
    return this.ran.records[0];
  }

  get end(): string {
    const { endedBy, grpcStatus, blockedBy, reason } = this.record;
    return `${endedBy} ${grpcStatus} ${blockedBy ?? 'nobody'}: ${reason}`;
  }
}

/** The ways in which the deadline of a call ends it. The client measures it from before the request came, and the proxy ends it later. */
const WAYS: readonly (readonly [name: string, atPart: number, ends: (ran: Ran) => void, end: string])[] = [
  [
    'its client resets it',
    0.96,
    ({ exchange }) => exchange.onReset(ErrorCode.CANCEL, undefined),
    'downstream DEADLINE_EXCEEDED service: The client gave the call up at its deadline of TIME.',
  ],
  [
    'the connection of its client goes',
    1,
    ({ exchange }) => exchange.onConnectionLost('closed'),
    "downstream DEADLINE_EXCEEDED service: The client gave the call up at its deadline of TIME. The client's connection is gone: closed.",
  ],
  [
    'its service says so without a response',
    1,
    ({ attempt }) => attempt.stream.owner.onResponse(ONLY_TRAILERS, true),
    "upstream DEADLINE_EXCEEDED service: The call's deadline of TIME passed (grpc-timeout).",
  ],
  [
    'its service says so in trailers',
    1,
    ({ attempt }) => attempt.stream.owner.onTrailers(DEADLINE_EXCEEDED),
    "upstream DEADLINE_EXCEEDED service: The call's deadline of TIME passed (grpc-timeout).",
  ],
  [
    'its service resets it',
    1,
    ({ attempt }) => attempt.stream.owner.onReset(ErrorCode.CANCEL, undefined),
    "upstream CANCELLED service: a:1 reset the call (CANCEL). The call's deadline of TIME passed (grpc-timeout).",
  ],
  [
    'the proxy ends it',
    1,
    ({ exchange }) => exchange.onTimer(),
    "framegate DEADLINE_EXCEEDED service: deadline_exceeded: The call's deadline of TIME passed (grpc-timeout).",
  ],
];

for (const [name, atPart, ends, expected] of WAYS)
  test(`a call whose deadline has passed says so, and who was silent, when ${name}`, (t) => {
    for (const timeoutMs of [60, 900, 2000, 90_000]) {
      const clocked = new Clocked(t, {}, `${timeoutMs}m`);
      if (name.endsWith('in trailers')) clocked.ran.attempt.stream.owner.onResponse(HEAD, false);
      clocked.passes(timeoutMs * (timeoutMs > 2000 ? 1 : atPart));
      ends(clocked.ran);
      const timeText = timeoutMs < 10_000 ? `${timeoutMs} ms` : `${timeoutMs / 1000} s`;
      const end = expected.replace('TIME', timeText);
      assert.equal(clocked.end.slice(0, end.length), end);
      assert.match(clocked.end.slice(end.length), /^ The service has sent nothing (?:in the|for) (?!0 )\d/);
    }
  });

test('a call that its client cancels before its deadline is cancelled, as is one that is reset with another code', (t) => {
  for (const [timeout, ms, code, end] of [
    ['2S', 1880, ErrorCode.CANCEL, 'downstream CANCELLED service: The client reset the call (CANCEL). '],
    ['1H', 3_590_000, ErrorCode.CANCEL, 'downstream CANCELLED service: The client reset the call (CANCEL). '],
    ['2S', 2000, ErrorCode.PROTOCOL_ERROR, 'downstream CANCELLED service: The client reset the call (PROT'],
    ['900m', 500, ErrorCode.CANCEL, 'downstream CANCELLED nobody: The client reset the call (CANCEL).'],
  ] as const) {
    const clocked = new Clocked(t, {}, timeout);
    clocked.passes(ms);
    clocked.ran.exchange.onReset(code, undefined);
    assert.equal(clocked.end.slice(0, end.length), end);
  }
});

test('the deadline of a route is none of its client: what the client cancels then is cancelled', (t) => {
  const clocked = new Clocked(t, { timeouts: { deadlineMs: 2000 } });
  clocked.passes(2000);
  clocked.ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  assert.match(clocked.end, /^downstream CANCELLED service: The client reset the call \(CANCEL\)\. /);
});

test('a service that ends a call at a deadline has in its record what set the deadline', (t) => {
  const byDeadline = "The call's deadline of 50 ms passed (timeouts.deadline of the route).";
  const byMost = "The call's deadline of 50 ms passed (timeouts.maxDeadline of the route).";
  const byClient = "The call's deadline of 20 ms passed (grpc-timeout).";
  for (const [timeouts, sent, status, ms, reason] of [
    [{ deadlineMs: 50 }, undefined, '4', 50, byDeadline],
    [{ deadlineMs: 50 }, undefined, '1', 50, byDeadline],
    [{ maxDeadlineMs: 50 }, '1S', '4', 50, byMost],
    [{ maxDeadlineMs: 50 }, '20m', '4', 20, byClient],
    [{ deadlineMs: 50 }, undefined, '13', 50, ''],
    [{ deadlineMs: 50 }, undefined, '4', 10, ''],
  ] as const) {
    const clocked = new Clocked(t, { timeouts }, sent);
    clocked.ran.attempt.stream.owner.onResponse(HEAD, false);
    clocked.passes(ms);
    clocked.ran.attempt.stream.owner.onTrailers(HeaderList.of(['grpc-status', status]));
    const { record } = clocked;
    assert.ok(reason === '' ? record.reason === '' : record.reason.startsWith(reason), record.reason);
    assert.deepEqual([record.endedBy, record.blockedBy], ['upstream', reason === '' ? undefined : 'service']);
  }
});

test('a stream that runs until its deadline is blocked by nobody', (t) => {
  const clocked = new Clocked(t, {}, '2S');
  const { owner } = clocked.ran.attempt.stream;
  owner.onResponse(HEAD, false);
  clocked.passes(1900);
  owner.onData(Buffer.from('reply'), 0, 5, false);
  clocked.passes(100);
  clocked.ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  assert.equal(
    clocked.end,
    'downstream DEADLINE_EXCEEDED nobody: The client gave the call up at its deadline of 2000 ms.',
  );
});

/** A message without content. */
const MESSAGE = Buffer.alloc(5);
const ALONE = 'The service has sent nothing for 1.9 s, while the client kept sending.';

/** A stream whose client goes on sending, and whose service sends so many messages and then nothing for `silentMs`. */
function talkOver(t: TestContext, timeout: string, answers: number, silentMs: number): Clocked {
  const clocked = new Clocked(t, {}, timeout);
  const { exchange, attempt } = clocked.ran;
  attempt.stream.owner.onResponse(HEAD, false);
  for (let answer = 0; answer < answers; answer++)
    attempt.stream.owner.onData(MESSAGE, 0, MESSAGE.length, false);
  for (let ms = 0; ms < silentMs; ms += 100) {
    clocked.passes(100);
    exchange.onData(MESSAGE, 0, MESSAGE.length, false);
  }
  return clocked;
}

test('a service that has stopped answering blocks a call whose client talks until the deadline', (t) => {
  const byClient = talkOver(t, '2S', 21, 1900);
  byClient.ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  const atDeadline = 'The client gave the call up at its deadline of 2000 ms.';
  assert.equal(byClient.end, `downstream DEADLINE_EXCEEDED service: ${atDeadline} ${ALONE}`);
  const here = talkOver(t, '1900m', 21, 1900);
  here.ran.exchange.onTimer();
  const passed = "deadline_exceeded: The call's deadline of 1900 ms passed (grpc-timeout).";
  assert.equal(here.end, `framegate DEADLINE_EXCEEDED service: ${passed} ${ALONE}`);
  const byService = talkOver(t, '1900m', 21, 1900);
  byService.ran.attempt.stream.owner.onTrailers(DEADLINE_EXCEEDED);
  assert.equal(
    byService.end,
    `upstream DEADLINE_EXCEEDED service: The call's deadline of 1900 ms passed (grpc-timeout). ${ALONE}`,
  );
});

test('a client that talks and cancels has waited for a service that was silent for five seconds, and not for a moment', (t) => {
  const cancelled = 'The client reset the call (CANCEL).';
  for (const [silentMs, end] of [
    [4900, `downstream CANCELLED nobody: ${cancelled}`],
    [
      5000,
      `downstream CANCELLED service: ${cancelled} The service has sent nothing for 5 s, while the client kept sending.`,
    ],
  ] as const) {
    const clocked = talkOver(t, '1H', 1, silentMs);
    clocked.ran.exchange.onReset(ErrorCode.CANCEL, undefined);
    assert.equal(clocked.end, end);
  }
});

test('a service that may wait for the end of the request is blamed for nothing, but the record says that it was silent', (t) => {
  const clocked = talkOver(t, '2S', 0, 1900);
  clocked.ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  assert.equal(
    clocked.end,
    'downstream DEADLINE_EXCEEDED nobody: The client gave the call up at its deadline of 2000 ms. The service sent its header fields 1.9 s ago, and no content since, while the client kept sending. It may be waiting for the end of the request.',
  );
  assert.equal(clocked.record.blockedBy, undefined);
});

test('a service whose connection has not answered the keepalive blocks a call, however young it is', (t) => {
  const clocked = new Clocked(t, {}, '1H');
  clocked.ran.connection.unansweredMs = 1200;
  clocked.passes(400);
  clocked.ran.exchange.onReset(ErrorCode.CANCEL, undefined);
  assert.match(
    clocked.end,
    /^downstream CANCELLED service: .* The service has sent nothing in the 0\.4 s since it got the request\. The connection of the service has not answered the keepalive of 1\.2 s ago: /,
  );
});

test('a deadline has passed a little before its time, by clocks that differ and by the digits of the field', () => {
  for (const [timeoutMs, leastMs] of [
    [20, 16],
    [150, 130],
    [400, 360],
    [1000, 900],
    [2000, 1900],
    [60_000, 59_400],
    [3_600_000, 3_599_000],
  ] as const) {
    assert.ok(hasPassed(timeoutMs, leastMs), `${timeoutMs}`);
    assert.ok(!hasPassed(timeoutMs, leastMs - 0.1), `${timeoutMs}`);
  }
  assert.ok(!hasPassed(undefined, Number.POSITIVE_INFINITY));
});
