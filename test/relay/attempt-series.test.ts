// The attempts of one exchange: at once or after waiting, and once more where the upstream never processed the call.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Failure, failure } from '../../src/calls/failure.ts';
import { Observers } from '../../src/calls/observers.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import {
  type AttemptEnd,
  type AttemptEndKind,
  REFUSED,
  type RetryPolicy,
  UNPROCESSED,
  UNREACHABLE,
} from '../../src/calls/retry-policy.ts';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { AttemptSeries } from '../../src/relay/attempt-series.ts';
import type { Call } from '../../src/relay/attempts.ts';
import type { CallChanges } from '../../src/relay/call-changes.ts';
import { CallFields } from '../../src/relay/call-fields.ts';
import { CallPlan, PLAIN } from '../../src/relay/call-plan.ts';
import type { RelayContext } from '../../src/relay/relay-context.ts';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';
import type { RequestDecision, RequestHead } from '../../src/relay/request-head.ts';
import { ResponseHead } from '../../src/relay/response-head.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { ClientAccount } from '../../src/upstreams/client-account.ts';
import { RecordedConnection, RecordingListener, ScriptedUpstream } from '../support/attempt-parts.ts';
import { RecordedStream } from '../support/recorded-stream.ts';
import { standIn } from '../support/stand-in.ts';

const FIELDS = HeaderList.of([':path', '/a.B/C']);
const HEAD = 'headers :path=/a.B/C';
const FAILED: AttemptEnd = { kind: 'failed', grpcStatus: 'UNAVAILABLE' };
const NOTHING_THERE: Diagnosis = { token: 'upstream_closed', sentence: 'Gone.' };

class Caller extends RecordingListener implements Call {
  override readonly subject: RequestHead;
  readonly requestId: string | number;
  durationMs = 0;
  retries = 0;
  changes: CallChanges | undefined = undefined;
  readonly account = new ClientAccount('192.0.2.77', false);
  readonly home = {
    mostHeaderListBytes: Number.POSITIVE_INFINITY,
    accountFor: () => this.account,
    responseBegan() {},
    exchangeFinished() {},
  };

  constructor(subject: Partial<RequestHead>, requestId: string | number) {
    super();
    this.subject = standIn<RequestHead>(subject);
    this.requestId = requestId;
  }

  override fail({ token }: Failure): void {
    this.log.push(`fails: ${token}`);
  }

  attempting(endpoint: string): void {
    this.log.push(`attempts ${endpoint}`);
  }

  unavailable({ token }: Diagnosis): void {
    this.log.push(`no connection: ${token}`);
  }

  attemptTimedOut(limitMs: number): void {
    this.log.push(`no response in ${limitMs} ms`);
  }
}

interface Options {
  readonly subject?: Partial<RequestHead>;
  readonly requestId?: string | number;
  readonly decision?: RequestDecision;
}

class Series {
  readonly first = new RecordedConnection('first:1');
  readonly second = new RecordedConnection('second:2');
  readonly upstream = new ScriptedUpstream(this.first, this.second);
  readonly client = new RecordedStream();
  readonly request = new StreamRelay(false);
  readonly response = new StreamRelay(false);
  readonly ids = new RequestIds();
  nowMs = 0;
  readonly deadlines = new DeadlineWheel(() => this.nowMs);
  readonly call: Caller;
  readonly attempts: AttemptSeries;

  constructor({ subject, requestId = 'mine', decision }: Options = {}) {
    const forward: RequestDecision = {
      kind: 'forward',
      upstream: this.upstream.asUpstream,
      fields: FIELDS,
      apart: '',
      sizeBytes: FIELDS.sizeBytes,
    };
    this.call = new Caller(
      {
        decision: decision ?? forward,
        plan: PLAIN,
        isGrpc: true,
        timeoutMs: undefined,
        previousAttempts: 0,
        ...subject,
      },
      requestId,
    );
    const context = standIn<RelayContext>({
      callFields: new CallFields(this.ids),
      replayBuffer: new ReplayBuffer(65_536),
      deadlines: this.deadlines,
      observers: new Observers([], (error) => assert.fail(String(error))),
    });
    this.request.setSource(this.client.stream);
    this.attempts = new AttemptSeries(context, this.call, this.request, this.response);
  }

  forwards(text: string, endStream = false): void {
    this.request.forward(Buffer.from(text), 0, text.length, endStream);
  }
}

/** The fields sent behind the last header block of a connection's first stream. */
function suffixOf({ streams }: RecordedConnection): Record<string, string> {
  const { suffix } = streams[0];
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4096, maxListSizeBytes: 10_000, maxFields: 10 });
  const { names, values } = decoder.decode(suffix, 0, suffix.length);
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

test('with a connection at hand the request leaves at once, its end with the header block', () => {
  const { attempts, request, first } = new Series();
  request.end();
  attempts.begin();
  assert.deepEqual(first.streams[0].log, [`${HEAD} end`]);
  assert.deepEqual([attempts.count, attempts.endpoint], [1, 'first:1']);
});

test('what the client sent while the call waited follows the header block', () => {
  const series = new Series();
  const { attempts, upstream, first } = series;
  upstream.connections.length = 0;
  attempts.begin();
  series.forwards('data', true);
  assert.deepEqual([upstream.waiting.length, attempts.count, attempts.endpoint], [1, 0, '']);
  upstream.waiting[0].onEndpoint(first.asEndpoint);
  assert.deepEqual(first.streams[0].log, [HEAD, 'data "data" end']);
  assert.equal(series.client.creditedBytes, 4);
});

test('a call that is refused is never sent', () => {
  const refuse: RequestDecision = { kind: 'refuse', failure: failure('no_route', 'm') };
  const { attempts, first, upstream } = new Series({ decision: refuse });
  attempts.begin();
  assert.deepEqual([first.streams.length, upstream.waiting.length, attempts.count], [0, 0, 0]);
  attempts.end(ErrorCode.CANCEL);
});

test('where there is nothing to wait for the call is told', () => {
  const { attempts, upstream, call } = new Series();
  upstream.connections.length = 0;
  upstream.unavailable = NOTHING_THERE;
  attempts.begin();
  assert.deepEqual(call.takeLog(), ['no connection: upstream_closed']);
});

test('a call that ends while it waits gives up its place', () => {
  const { attempts, upstream } = new Series();
  upstream.connections.length = 0;
  attempts.begin();
  attempts.end(ErrorCode.CANCEL);
  attempts.end(ErrorCode.CANCEL);
  assert.deepEqual(upstream.waiting, []);
});

test('a call that ends gives its stream back once, reset with the code', () => {
  const { attempts, first } = new Series();
  attempts.begin();
  attempts.end(ErrorCode.CANCEL);
  attempts.end(ErrorCode.NO_ERROR);
  assert.deepEqual(first.streams[0].log, [HEAD, 'reset CANCEL']);
  assert.equal(first.released, 1);
});

test('an id of ours is sent, one of the client is in its own fields already', () => {
  const ours = new Series({ requestId: 0 });
  ours.attempts.begin();
  assert.deepEqual(suffixOf(ours.first), { 'x-request-id': ours.ids.text(0) });
  const theirs = new Series();
  theirs.attempts.begin();
  assert.deepEqual(suffixOf(theirs.first), {});
});

const TIMEOUT = { timeoutMs: 1500, timeoutText: '1500000u' } as const;

test('a timeout is passed on as it was written while no millisecond was lost', () => {
  const { attempts, call, first } = new Series({ subject: TIMEOUT });
  call.durationMs = 0.9;
  attempts.begin();
  assert.deepEqual(suffixOf(first), { 'grpc-timeout': '1500000u' });
});

for (const [waitedMs, sent] of [
  [500, '1000m'],
  [1500, '1n'],
  [9000, '1n'],
] as const) {
  test(`after ${waitedMs} ms of waiting a timeout of 1500 ms is ${sent}`, () => {
    const { attempts, call, upstream, first } = new Series({ subject: TIMEOUT });
    upstream.connections.length = 0;
    attempts.begin();
    call.durationMs = waitedMs;
    upstream.waiting[0].onEndpoint(first.asEndpoint);
    assert.deepEqual(suffixOf(first), { 'grpc-timeout': sent });
  });
}

test('a request never processed is sent again as it was, then goes on, and is credited once', () => {
  const series = new Series();
  const { attempts, first, second, client } = series;
  attempts.begin();
  series.forwards('ab');
  series.forwards('cd');
  first.streams[0].stream.owner.onRefused();
  assert.deepEqual(series.call.takeLog(), ['refused']);
  assert.equal(attempts.tryAgain(REFUSED), true);
  series.forwards('ef', true);
  assert.deepEqual(second.streams[0].log, [HEAD, 'data "abcd"', 'data "ef" end']);
  assert.equal(client.creditedBytes, 6);
  assert.deepEqual([attempts.count, attempts.endpoint], [2, 'second:2']);
  assert.deepEqual([first.released, second.released], [1, 0]);
});

test('a request that was only a header block is so the second time too', () => {
  const { attempts, request, second } = new Series();
  request.end();
  attempts.begin();
  assert.equal(attempts.tryAgain(REFUSED), true);
  assert.deepEqual(second.streams[0].log, [`${HEAD} end`]);
});

test('a retry may have to wait, and the place is given back at the end', () => {
  const { attempts, upstream } = new Series();
  attempts.begin();
  upstream.connections.length = 0;
  assert.equal(attempts.tryAgain(REFUSED), true);
  assert.equal(upstream.waiting.length, 1);
  attempts.end(ErrorCode.CANCEL);
  assert.equal(upstream.waiting.length, 0);
});

test('what passed before the retry is taken off the timeout', () => {
  const { attempts, call, second } = new Series({ subject: TIMEOUT });
  attempts.begin();
  call.durationMs = 500;
  assert.equal(attempts.tryAgain(REFUSED), true);
  assert.deepEqual(suffixOf(second), { 'grpc-timeout': '1000m' });
});

test('a connection that is lost before the header block leaves counts as one that refused', () => {
  const { attempts, call, request, first, second } = new Series();
  first.isLost = true;
  request.end();
  attempts.begin();
  assert.deepEqual(call.takeLog(), ['refused']);
  assert.equal(first.released, 1);
  assert.equal(attempts.tryAgain(REFUSED), true);
  assert.deepEqual(second.streams[0].log, [`${HEAD} end`]);
});

for (const [what, end, most] of [
  ['refused', REFUSED, 2],
  ['never looked at', UNPROCESSED, 11],
] as const) {
  test(`a request that is ${what} again and again is sent ${most} times at most`, () => {
    const { attempts, upstream } = new Series();
    for (let count = 0; count < 20; count++) upstream.connections.push(new RecordedConnection());
    attempts.begin();
    while (attempts.tryAgain(end));
    assert.equal(attempts.count, most);
  });
}

test('of an upstream of many endpoints that cannot be reached, one call tries five', () => {
  const { attempts, upstream } = new Series();
  for (let count = 0; count < 4094; count++) upstream.connections.push(new RecordedConnection());
  attempts.begin();
  while (attempts.tryAgain(UNREACHABLE));
  assert.deepEqual([attempts.count, attempts.tried.length], [5, 5]);
});

const HINDRANCES: readonly [what: string, hinder: (series: Series, t: TestContext) => void][] = [
  ['something of a response was seen', ({ attempts }) => attempts.commit()],
  ['more was sent than is remembered', (series) => series.forwards('x'.repeat(8193))],
];
for (const [what, hinder] of HINDRANCES) {
  test(`there is no retry when ${what}`, (t) => {
    const series = new Series();
    series.attempts.begin();
    hinder(series, t);
    assert.equal(series.attempts.tryAgain(REFUSED), false);
    assert.equal(series.second.streams.length, 0);
  });
}

/** Sends again whatever ended so, after this time. */
function retries(waitMs: number, kind: AttemptEndKind): CallPlan {
  const retry: RetryPolicy = {
    verdict: (end, granted) => (end.kind === kind && granted < 2 ? waitMs : -1),
  };
  return new CallPlan([{ key: 'retries', retry }], assert.ifError);
}

function unavailable(...more: readonly (readonly [string, string])[]): ResponseHead {
  return ResponseHead.of(
    HeaderList.of([':status', '200'], ['content-type', 'application/grpc'], ['grpc-status', '14'], ...more),
  );
}

test('a policy may have a whole response that was not passed on answered by another attempt', () => {
  const series = new Series({ subject: { plan: retries(0, 'answered') } });
  const { attempts, first, second } = series;
  attempts.begin();
  series.forwards('request', true);
  assert.equal(attempts.triesAgainAfter(unavailable()), true);
  assert.equal(first.released, 1);
  assert.deepEqual(second.streams[0].log, [HEAD, 'data "request" end']);
  attempts.commit();
  assert.equal(attempts.triesAgainAfter(unavailable()), false);
});

test('without a policy responses are not looked at', () => {
  const { attempts } = new Series();
  attempts.begin();
  assert.equal(attempts.triesAgainAfter(unavailable()), false);
});

test('the time that a policy has a call wait before its next attempt ends with the call', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  for (const ends of [false, true]) {
    const series = new Series({ subject: { plan: retries(100, 'failed') } });
    const { attempts, second, deadlines } = series;
    attempts.begin();
    assert.equal(attempts.tryAgain(FAILED), true);
    assert.equal(second.streams.length, 0);
    if (ends) attempts.end(ErrorCode.CANCEL);
    series.nowMs += 1000;
    deadlines.advance();
    assert.equal(second.streams.length, ends ? 0 : 1);
  }
});

for (const [what, verdict] of [
  ['throws', () => assert.fail('a fault of the policy')],
  ['gives no number', () => Number.NaN],
  ['would have the call wait for ever', () => Number.POSITIVE_INFINITY],
] as const) {
  test(`a retry policy that ${what} grants no other attempt`, () => {
    const faults: unknown[] = [];
    const retry: RetryPolicy = { verdict };
    const plan = new CallPlan([{ key: 'bad', retry }], (error) => faults.push(error));
    const { attempts } = new Series({ subject: { plan } });
    attempts.begin();
    assert.equal(attempts.tryAgain(FAILED), false);
    assert.equal(faults.length, what === 'throws' ? 1 : 0);
  });
}

test('a policy is not asked about a request that cannot be repeated', () => {
  const retry: RetryPolicy = { verdict: () => assert.fail('asked') };
  const series = new Series({ subject: { plan: new CallPlan([{ key: 'k', retry }], assert.ifError) } });
  series.attempts.begin();
  series.forwards('x'.repeat(8193));
  assert.equal(series.attempts.tryAgain(FAILED), false);
});

test('there is no retry before there was an attempt', () => {
  assert.equal(new Series().attempts.tryAgain(REFUSED), false);
});

test('a call that found no endpoint is tried again after its pause, with what is left of its timeout', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const series = new Series({ subject: { ...TIMEOUT, plan: retries(100, 'failed') } });
  const { attempts, call, upstream, first, deadlines } = series;
  upstream.connections.length = 0;
  upstream.unavailable = NOTHING_THERE;
  attempts.begin();
  assert.deepEqual(call.takeLog(), ['no connection: upstream_closed']);
  assert.equal(attempts.tryAgain(FAILED), true);
  upstream.connections.push(first);
  series.nowMs += 500;
  call.durationMs = 500;
  deadlines.advance();
  assert.deepEqual(suffixOf(first), { 'grpc-timeout': '1000m' });
});

test('what is left of a timeout bounds the pause before another attempt', () => {
  const { attempts, call } = new Series({ subject: { ...TIMEOUT, plan: retries(100, 'failed') } });
  attempts.begin();
  call.durationMs = 1400;
  assert.equal(attempts.tryAgain(FAILED), false);
  call.durationMs = 1399;
  assert.equal(attempts.tryAgain(FAILED), true);
  attempts.end(ErrorCode.CANCEL);
});

test('a call counts in the budget of its upstream from its first retry to its answer or its end', () => {
  const { attempts, upstream } = new Series({ subject: { plan: retries(0, 'failed') } });
  const { retries: budget } = upstream.shares;
  attempts.begin();
  assert.equal(budget.active, 0);
  assert.equal(attempts.tryAgain(FAILED), true);
  assert.equal(budget.active, 1);
  attempts.end(ErrorCode.CANCEL);
  attempts.end(ErrorCode.CANCEL);
  assert.equal(budget.active, 0);
  const answered = new Series({ subject: { plan: retries(0, 'failed') } });
  answered.attempts.begin();
  assert.equal(answered.attempts.tryAgain(FAILED), true);
  assert.equal(answered.upstream.shares.retries.active, 1);
  answered.attempts.commit();
  assert.equal(answered.upstream.shares.retries.active, 0);
});

test('a call that waits long for its next attempt leaves its place to others, and takes one when it goes on', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  const series = new Series({ subject: { plan: retries(60_000, 'failed') } });
  const { attempts, upstream, second, deadlines } = series;
  const { retries: budget } = upstream.shares;
  const many = upstream.shares.holdingOf('', undefined, true);
  attempts.begin();
  assert.equal(attempts.tryAgain(FAILED), true);
  assert.equal(budget.active, 0);
  while (budget.take(many));
  series.nowMs += 61_000;
  deadlines.advance();
  assert.deepEqual([second.streams.length, budget.active, attempts.note], [0, 20, '']);
  budget.give(many);
  series.nowMs += 500;
  deadlines.advance();
  assert.deepEqual([second.streams.length, budget.active], [1, 20]);
  attempts.end(ErrorCode.CANCEL);
  assert.equal(budget.active, 19);
});

test('beyond the budget of its upstream a call is not sent again, and its record says why', () => {
  const { attempts, upstream } = new Series({ subject: { plan: retries(0, 'failed') } });
  const many = upstream.shares.holdingOf('', undefined, true);
  while (upstream.shares.retries.take(many));
  attempts.begin();
  assert.equal(attempts.tryAgain(FAILED), false);
  assert.match(attempts.note, /^Upstream voice has 20 retries/);
});
