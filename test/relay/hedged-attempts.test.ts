// Several attempts of one call, without sockets: when they begin, which of them wins, and what the call is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { Observers } from '../../src/calls/observers.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { UNPROCESSED } from '../../src/calls/retry-policy.ts';
import type { HedgeConfig } from '../../src/config/route-config.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { ConfiguredHedges } from '../../src/policies/hedge-policy.ts';
import { Attempt } from '../../src/relay/attempt.ts';
import type { Call } from '../../src/relay/attempts.ts';
import { attemptsFor } from '../../src/relay/attempts-for.ts';
import { CallFields } from '../../src/relay/call-fields.ts';
import { CallPlan, PLAIN } from '../../src/relay/call-plan.ts';
import { HedgedAttempts } from '../../src/relay/hedged-attempts.ts';
import type { RelayContext } from '../../src/relay/relay-context.ts';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';
import type { RequestHead } from '../../src/relay/request-head.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { ClientAccount } from '../../src/upstreams/client-account.ts';
import { RecordedConnection, RecordingListener, ScriptedUpstream } from '../support/attempt-parts.ts';
import { holds } from '../support/clocked-tokens.ts';
import { RecordedStream } from '../support/recorded-stream.ts';
import { standIn } from '../support/stand-in.ts';

const FIELDS = HeaderList.of([':path', '/a.B/C']);
const HEAD = HeaderList.of([':status', '200'], ['content-type', 'application/grpc']);
const OK = HeaderList.of(['grpc-status', '0']);

function status(code: number, pushback?: string): HeaderList {
  const list = HeaderList.of([':status', '200'], ['content-type', 'application/grpc']);
  list.add('grpc-status', String(code));
  if (pushback !== undefined) list.add('grpc-retry-pushback-ms', pushback);
  return list;
}

/** The exchange. */
class Caller extends RecordingListener implements Call {
  override readonly subject: RequestHead;
  readonly requestId = 'mine';
  readonly retries = 0;
  readonly changes = undefined;
  durationMs = 0;
  readonly account = new ClientAccount('192.0.2.77', false);
  readonly home = {
    mostHeaderListBytes: Number.POSITIVE_INFINITY,
    accountFor: () => this.account,
    responseBegan() {},
    exchangeFinished() {},
  };

  constructor(subject: Partial<RequestHead>) {
    super();
    this.subject = standIn<RequestHead>(subject);
  }

  attempting(endpoint: string): void {
    this.log.push(`attempt at ${endpoint}`);
  }

  unavailable(): void {
    this.log.push('unavailable');
  }

  attemptTimedOut(): void {
    assert.fail('hedged attempts have no time of their own');
  }
}

function isRunning({ streams }: RecordedConnection): boolean {
  return streams.some(({ isReset }) => !isReset);
}

class Hedging {
  readonly connections = ['a', 'b', 'c', 'd'].map((name) => new RecordedConnection(name));
  readonly upstream = new ScriptedUpstream(...this.connections);
  readonly client = new RecordedStream();
  readonly request = new StreamRelay(true);
  readonly response = new StreamRelay(true);
  nowMs = 0;
  readonly deadlines = new DeadlineWheel(() => this.nowMs);
  readonly call: Caller;
  readonly attempts: HedgedAttempts;

  constructor(config: Partial<HedgeConfig> = {}, subject: Partial<RequestHead> = {}) {
    const hedges = new ConfiguredHedges({ attempts: 3, delayMs: 100, on: ['UNAVAILABLE'], ...config });
    const plan = new CallPlan([{ key: 'hedge', retry: hedges }], (error) => assert.fail(String(error)));
    const { asUpstream: upstream } = this.upstream;
    this.call = new Caller({
      decision: { kind: 'forward', upstream, fields: FIELDS, apart: '', sizeBytes: FIELDS.sizeBytes },
      plan,
      isGrpc: true,
      previousAttempts: 0,
      timeoutMs: undefined,
      ...subject,
    });
    const context = standIn<RelayContext>({
      callFields: new CallFields(new RequestIds()),
      replayBuffer: new ReplayBuffer(1_000_000),
      deadlines: this.deadlines,
      observers: new Observers([{ onAttempt() {} }], (error) => assert.fail(String(error))),
    });
    this.request.setSource(this.client.stream);
    const attempts = attemptsFor(context, this.call, this.request, this.response);
    assert.ok(attempts instanceof HedgedAttempts);
    this.attempts = attempts;
  }

  /** The whole request arrives, and the first attempt begins. */
  static begun(config: Partial<HedgeConfig> = {}, subject: Partial<RequestHead> = {}): Hedging {
    const hedging = new Hedging(config, subject);
    hedging.attempts.begin();
    hedging.sends('request', true);
    return hedging;
  }

  sends(text: string, ends: boolean): void {
    this.request.forward(Buffer.from(text), 0, text.length, ends);
    if (ends) this.attempts.requestEnded();
  }

  passes(ms: number): void {
    this.nowMs += ms;
    this.call.durationMs += ms;
    this.deadlines.advance();
  }

  stream(index: number): RecordedStream {
    return this.connections[index].streams[0];
  }

  owner(index: number) {
    return this.stream(index).stream.owner;
  }

  /** The endpoints that have an attempt that runs. */
  get running(): string {
    return this.connections
      .filter(isRunning)
      .map(({ endpoint }) => endpoint)
      .join('');
  }

  /** What the call was told, but for the beginnings of attempts. */
  get told(): readonly string[] {
    return this.call.log.filter((line) => !line.startsWith('attempt at'));
  }
}

test('a route without hedge, and a call that is no gRPC, have one attempt at a time', () => {
  const { call, request, response } = new Hedging();
  const { plan, decision } = call.subject;
  const context = standIn<RelayContext>({});
  for (const subject of [
    { decision, plan: PLAIN, isGrpc: true },
    { decision, plan, isGrpc: false },
  ]) {
    const other = new Caller(subject);
    assert.ok(!(attemptsFor(context, other, request, response) instanceof HedgedAttempts));
  }
});

test('attempts begin one delay after the other, as many as there may be, each with the whole request', () => {
  const hedging = Hedging.begun();
  assert.equal(hedging.running, 'a');
  hedging.passes(90);
  assert.equal(hedging.running, 'a');
  hedging.passes(10);
  assert.equal(hedging.running, 'ab');
  hedging.passes(100);
  assert.equal(hedging.running, 'abc');
  hedging.passes(500);
  assert.equal(hedging.running, 'abc');
  assert.equal(hedging.attempts.count, 3);
  assert.deepEqual(hedging.call.log, ['attempt at a', 'attempt at b', 'attempt at c']);
  for (const index of [1, 2]) assert.deepEqual(hedging.stream(index).log[1], 'data "request" end');
});

test('without a delay all begin in the turn in which the request has ended, and not before', () => {
  const hedging = new Hedging({ delayMs: 0 });
  hedging.attempts.begin();
  hedging.sends('first ', false);
  assert.equal(hedging.running, 'a');
  hedging.sends('last', true);
  assert.equal(hedging.running, 'abc');
  assert.equal(hedging.stream(2).log[1], 'data "first last" end');
  assert.equal(hedging.client.creditedBytes, 10, 'the client has credit once');
});

test('a request that has ended while the call waited is hedged once an endpoint has it', () => {
  const hedging = new Hedging({ delayMs: 0 });
  const [first, ...others] = hedging.upstream.connections.splice(0);
  hedging.attempts.begin();
  hedging.sends('request', true);
  assert.equal(hedging.running, '');
  hedging.upstream.connections.push(...others);
  hedging.upstream.waiting.shift()?.onEndpoint(first.asEndpoint);
  assert.equal(hedging.running, 'abc');
});

test('the first message wins, its head comes before it, and the others are reset', () => {
  const hedging = Hedging.begun({ delayMs: 0 });
  hedging.owner(0).onResponse(HEAD, false);
  hedging.owner(2).onResponse(HEAD, false);
  assert.deepEqual(hedging.told, []);
  hedging.owner(2).onData(Buffer.from('said'), 0, 4, false);
  hedging.owner(0).onData(Buffer.from('late'), 0, 4, false);
  hedging.owner(2).onTrailers(OK);
  assert.deepEqual(hedging.told, ['response 200', 'data "said"', 'trailers 0']);
  assert.equal(hedging.attempts.endpoint, 'c');
  assert.deepEqual(
    hedging.connections.map(({ counts }) => counts.lost),
    [1, 1, 0, 0],
  );
  assert.equal(hedging.stream(0).log.at(-1), 'reset CANCEL');
  assert.equal(hedging.deadlines.size, 0);
});

test('a head that stands alone wins after 50 ms, and meanwhile no further attempt begins', () => {
  const hedging = Hedging.begun({ delayMs: 20 });
  hedging.owner(0).onResponse(HEAD, false);
  hedging.passes(40);
  assert.deepEqual([hedging.running, hedging.told], ['a', []]);
  hedging.passes(20);
  assert.deepEqual([hedging.running, hedging.told], ['a', ['response 200']]);
  assert.equal(hedging.deadlines.size, 0);
});

test('of the last attempt that there may be, the head is passed on at once', () => {
  const hedging = Hedging.begun({ attempts: 2, delayMs: 0 });
  hedging.owner(0).onResponse(HEAD, false);
  hedging.owner(1).onResponse(status(14), true);
  assert.deepEqual(hedging.told, ['response 200'], 'nothing can take its place any more');
});

test('a status that is not fatal has the next attempt begin at once; the last of them is passed on', () => {
  const hedging = Hedging.begun();
  hedging.owner(0).onResponse(status(14), true);
  assert.equal(hedging.running, 'b');
  hedging.owner(1).onResponse(status(14), true);
  hedging.owner(2).onResponse(status(14), true);
  assert.deepEqual(hedging.told, ['response 200 end']);
  assert.deepEqual([hedging.attempts.count, hedging.attempts.endpoint], [3, 'c']);
});

test('a fatal status wins, whatever others may say', () => {
  const hedging = Hedging.begun({ delayMs: 0 });
  hedging.owner(1).onReset(ErrorCode.INTERNAL_ERROR, undefined);
  assert.deepEqual(hedging.told, ['reset 2']);
  assert.equal(hedging.attempts.endpoint, 'b');
});

test('pushback moves the next attempt, and lets those go on that run', () => {
  const hedging = Hedging.begun({ delayMs: 100 });
  hedging.passes(100);
  assert.equal(hedging.running, 'ab');
  hedging.owner(0).onResponse(status(14, '400'), true);
  hedging.passes(380);
  assert.equal(hedging.running, 'b');
  hedging.passes(40);
  assert.equal(hedging.running, 'bc');
});

test('negative pushback allows no further attempt', () => {
  const hedging = Hedging.begun({ delayMs: 100 });
  hedging.passes(100);
  hedging.owner(0).onResponse(status(14, '-1'), true);
  hedging.passes(500);
  assert.equal(hedging.running, 'b');
  hedging.owner(1).onResponse(status(14), true);
  assert.deepEqual(hedging.told, ['response 200 end']);
});

test('a pause that would outlast the deadline is not begun', () => {
  const hedging = Hedging.begun({}, { timeoutMs: 300 });
  hedging.owner(0).onResponse(status(14, '400'), true);
  assert.deepEqual(hedging.told, ['response 200 end']);
});

test('an attempt without room begins later, and takes no place in the queue', () => {
  const hedging = new Hedging({ delayMs: 20 });
  const others = hedging.upstream.connections.splice(1);
  hedging.attempts.begin();
  hedging.sends('request', true);
  hedging.passes(20);
  assert.deepEqual([hedging.running, hedging.upstream.waiting.length], ['a', 0]);
  assert.equal(hedging.upstream.shares.retries.active, 0);
  hedging.upstream.connections.push(...others);
  hedging.passes(20);
  assert.equal(hedging.running, 'ab');
});

test('an attempt that is the only one waits for a place', () => {
  const hedging = new Hedging();
  const [first, second] = hedging.upstream.connections.splice(0);
  hedging.upstream.connections.push(first);
  hedging.attempts.begin();
  hedging.sends('request', true);
  hedging.owner(0).onResponse(status(14), true);
  assert.equal(hedging.upstream.waiting.length, 1);
  assert.equal(hedging.upstream.shares.retries.active, 1);
  hedging.upstream.waiting.shift()?.onEndpoint(second.asEndpoint);
  assert.equal(hedging.running, 'b');
  hedging.attempts.end(ErrorCode.CANCEL);
  assert.deepEqual(
    [hedging.running, hedging.upstream.shares.retries.active, hedging.deadlines.size],
    ['', 0, 0],
  );
});

test('an attempt that no endpoint has processed is made again, and is not counted', () => {
  const hedging = Hedging.begun({ attempts: 2, delayMs: 0 });
  hedging.owner(1).onRefused();
  assert.equal(hedging.running, 'ac');
  hedging.owner(0).onRefused();
  assert.equal(hedging.running, 'cd');
  assert.equal(hedging.attempts.retries, 1);
  assert.equal(hedging.upstream.shares.retries.active, 1);
});

test('attempts are numbered in the order in which they are sent, refused ones too', () => {
  const numbers = ({ attempts }: Hedging): string =>
    attempts.states
      .map((state) => `${state.stage === 'sent' ? state.endpoint : state.stage} ${state.number}`)
      .join();
  const hedging = new Hedging({ attempts: 2, delayMs: 100 });
  hedging.attempts.begin();
  assert.equal(numbers(hedging), 'a 1');
  assert.ok(hedging.attempts.tryAgain(UNPROCESSED));
  assert.equal(numbers(hedging), 'b 2', 'before the request is whole');
  hedging.sends('request', true);
  hedging.passes(100);
  assert.equal(numbers(hedging), 'b 2,c 3');
  hedging.owner(1).onRefused();
  assert.equal(numbers(hedging), 'c 3,d 4');
  assert.equal(hedging.attempts.count, 4);
  const waiting = new Hedging();
  waiting.upstream.connections.splice(0);
  waiting.attempts.begin();
  assert.equal(numbers(waiting), 'queued 1');
});

test('what was overwritten in the replay ring cannot be sent again', () => {
  const hedging = new Hedging();
  hedging.attempts.begin();
  hedging.sends('x'.repeat(64 * 1024 + 1), true);
  hedging.passes(1000);
  assert.equal(hedging.running, 'a');
  hedging.owner(0).onResponse(status(14), true);
  assert.deepEqual(hedging.told, ['response 200 end']);
});

test('an attempt that gives way does so alone while others run, and the last one takes the call along', () => {
  const hedging = Hedging.begun({ attempts: 2, delayMs: 0 });
  for (const index of [0, 1]) {
    const owner = hedging.owner(index);
    assert.ok(owner instanceof Attempt);
    owner.giveWay(failure('idle_gave_way', 'Others wait.'));
    assert.equal(hedging.told.length, index);
  }
  assert.deepEqual(hedging.told, ['abort idle_gave_way']);
});

test('each attempt beyond the first counts in the budget while it runs, and no longer', () => {
  const hedging = Hedging.begun({ attempts: 3, delayMs: 100 });
  const { retries } = hedging.upstream.shares;
  hedging.passes(100);
  assert.deepEqual([hedging.running, retries.active], ['ab', 1]);
  hedging.owner(1).onResponse(status(14), true);
  assert.deepEqual([hedging.running, retries.active], ['ac', 1]);
  hedging.owner(2).onResponse(status(14), true);
  assert.deepEqual([hedging.running, retries.active], ['a', 0]);
  hedging.owner(0).onResponse(status(14), true);
  assert.deepEqual(hedging.told, ['response 200 end']);
});

test('an attempt that the budget refuses is the last that is asked for, and the call says why', () => {
  const hedging = Hedging.begun({ attempts: 3, delayMs: 100 });
  const { retries } = hedging.upstream.shares;
  const many = hedging.upstream.shares.holdingOf('', undefined, true);
  while (retries.take(many));
  hedging.passes(100);
  assert.equal(hedging.running, 'a');
  assert.match(hedging.attempts.note, /^Upstream voice has 20 retries, as many as it may/);
  for (let count = 20; count > 0; count--) retries.give(many);
  hedging.passes(1000);
  hedging.owner(0).onResponse(status(14), true);
  assert.deepEqual([hedging.attempts.count, hedging.told], [1, ['response 200 end']]);
});

test('while other clients call, a client has no further attempts beyond its share, and the call says why', () => {
  const hedging = Hedging.begun({ attempts: 3, delayMs: 100 });
  const { shares } = hedging.upstream;
  const holding = hedging.call.account.holdingIn(shares);
  shares.holdingOf('192.0.2.78', undefined, false).take();
  while (shares.retries.take(holding));
  hedging.passes(100);
  assert.deepEqual([hedging.running, holding.retries], ['a', 10]);
  assert.match(hedging.attempts.note, /^10 calls of this client are retried at upstream voice/);
});

test('an attempt that has won leaves its place in the budget with its answer', () => {
  const hedging = Hedging.begun({ attempts: 2, delayMs: 100 });
  const { retries } = hedging.upstream.shares;
  hedging.passes(100);
  assert.equal(retries.active, 1);
  hedging.owner(1).onResponse(HEAD, false);
  hedging.owner(1).onData(Buffer.from('answer'), 0, 6, false);
  hedging.attempts.commit();
  assert.deepEqual([hedging.running, retries.active], ['b', 0]);
  hedging.attempts.end(ErrorCode.CANCEL);
  assert.equal(retries.active, 0);
});

test('a call that waits long for its next attempt leaves its place to others, and takes one when it goes on', () => {
  const hedging = Hedging.begun({ attempts: 3, delayMs: 100 });
  const { retries } = hedging.upstream.shares;
  const many = hedging.upstream.shares.holdingOf('', undefined, true);
  hedging.passes(100);
  hedging.owner(1).onResponse(status(14, '60000'), true);
  assert.equal(retries.active, 0);
  hedging.owner(0).onResponse(status(14), true);
  assert.deepEqual([hedging.running, retries.active, hedging.told], ['', 0, []]);
  while (retries.take(many));
  hedging.passes(61_000);
  assert.deepEqual([hedging.running, retries.active, hedging.attempts.note], ['', 20, '']);
  retries.give(many);
  hedging.passes(500);
  assert.deepEqual([hedging.running, retries.active], ['c', 20]);
  hedging.attempts.end(ErrorCode.CANCEL);
  assert.equal(retries.active, 19);
});

test('the end of the call ends all attempts, once', () => {
  const hedging = Hedging.begun({ delayMs: 0 });
  hedging.attempts.end(ErrorCode.CANCEL);
  hedging.attempts.end(ErrorCode.NO_ERROR);
  assert.deepEqual(
    hedging.connections.map(({ released, counts }) => [released, counts.givenUp]),
    [
      [1, 1],
      [1, 1],
      [1, 1],
      [0, 0],
    ],
  );
  assert.deepEqual([hedging.attempts.count, hedging.attempts.endpoint], [3, 'a']);
  assert.equal(hedging.call.account.held, 0);
});

test('there is one attempt until no limit holds back a part of the request', () => {
  const hedging = new Hedging();
  const held = holds(hedging.request, hedging.deadlines, () => {
    hedging.request.resume();
    // As the exchange does.
    if (hedging.request.isComplete) hedging.attempts.requestEnded();
  });
  hedging.attempts.begin();
  hedging.sends('request', true);
  hedging.passes(1000);
  assert.equal(hedging.running, 'a');
  held.release();
  hedging.passes(5000);
  assert.equal(hedging.running, 'a');
  assert.match(hedging.stream(0).log.at(-1) ?? '', /"request" end/);
  hedging.passes(120);
  assert.equal(hedging.running, 'ab');
  assert.match(hedging.stream(1).log.at(-1) ?? '', /"request" end/);
});
