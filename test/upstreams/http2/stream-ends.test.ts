// How streams of a shared connection end that are not over: reset within what the endpoint bears, unread beyond that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../../src/h2/error-codes.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import { StreamState } from '../../../src/h2/stream-state.ts';
import { ClientAccount } from '../../../src/upstreams/client-account.ts';
import { ClientShares } from '../../../src/upstreams/client-shares.ts';
import type { Holding } from '../../../src/upstreams/holding.ts';
import { isUnderWay, StreamEnds } from '../../../src/upstreams/http2/stream-ends.ts';
import { IGNORING_OWNER, RecordedStream } from '../../support/recorded-stream.ts';

const WINDOW_BYTES = 65_535;
const CANCELLED = { code: ErrorCode.CANCEL, isLost: false };
const LOST = { code: ErrorCode.CANCEL, isLost: true };

class Ends {
  readonly worn: string[] = [];
  readonly faults: (string | undefined)[] = [];
  over = 0;
  nowMs = 1000;
  readonly shares = new ClientShares<never>(1, () => Number.POSITIVE_INFINITY);
  readonly ends = new StreamEnds(WINDOW_BYTES, this.nowMs, {
    onOver: () => this.over++,
    onFault: (holding) => this.faults.push(holding?.key),
    onWorn: (reason) => this.worn.push(reason),
  });
  readonly #accounts = new Map<string, ClientAccount>();

  account(client: string): ClientAccount {
    const account = this.#accounts.get(client) ?? new ClientAccount(client, client === 'many');
    this.#accounts.set(client, account);
    return account;
  }

  holding(client: string): Holding {
    return this.account(client).holdingIn(this.shares);
  }

  /** So many streams of the client end that are not over. @returns those that were not reset */
  end(client: string, count: number, isAnswered = true, how = CANCELLED): RecordedStream[] {
    // Somebody else has a call too.
    if (this.shares.heldCount === 0) this.holding('bystander').take();
    const streams = Array.from({ length: count }, () => openStream(isAnswered));
    return streams.filter(({ stream }) => !this.ends.end(stream, how, this.holding(client), this.nowMs));
  }

  /** The most that were reset in any half minute: what is reset each second, looked at every second. */
  passes(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1000;
      this.ends.resetAbandoned(this.nowMs);
    }
  }
}

function openStream(isAnswered: boolean): RecordedStream {
  const recorded = new RecordedStream();
  recorded.stream.state = StreamState.OPEN;
  recorded.stream.headersReceived = isAnswered;
  return recorded;
}

test('a client resets so many at once, and others after it as many', () => {
  const all = new Ends();
  assert.equal(all.end('a', 60).length, 10);
  assert.equal(all.end('b', 49).length, 0);
  assert.deepEqual(all.worn, []);
  assert.equal(all.end('c', 1).length, 0);
  assert.match(all.worn[0], /as endpoints bear/);
  assert.equal(all.end('d', 5).length, 5, 'on this connection there is no more');
});

test('a client that is alone has all that the connection bears', () => {
  const all = new Ends();
  all.holding('alone').take();
  assert.equal(all.end('alone', 120).length, 20);
  assert.equal(all.worn.length > 0, true);
});

test('a peer behind which there are many has no share, but the connection has its budget', () => {
  const all = new Ends();
  assert.equal(all.end('many', 150).length, 50);
  assert.equal(all.worn.length > 0, true);
});

test('what runs out is reset one by one, the oldest first, and leaves half of the budget to others', () => {
  const all = new Ends();
  const left = all.end('a', 200);
  assert.deepEqual([left.length, all.ends.abandonedCount, all.account('a').abandoned], [150, 150, 150]);
  all.passes(10);
  const reset = left.filter(({ isReset }) => isReset);
  assert.ok(reset.length >= 28 && reset.length <= 31, `${reset.length} in 10 s`);
  assert.deepEqual(reset, left.slice(0, reset.length));
  assert.equal(all.end('b', 49).length, 0, 'others have theirs at once');
  assert.equal(all.account('a').abandoned, 150 - reset.length);
  assert.equal(all.over, reset.length);
});

test('in no half minute are there more resets than Netty bears', () => {
  const all = new Ends();
  let count = 0;
  for (const client of ['a', 'b', 'c']) count += 100 - all.end(client, 100).length;
  const abandoned = all.ends.abandonedCount;
  all.passes(30);
  count += abandoned - all.ends.abandonedCount;
  assert.ok(count <= 200, `${count} resets`);
  assert.ok(count >= 150, `${count} resets`);
});

test('after half a minute what runs out is reset from all that is left', () => {
  const all = new Ends();
  // Others take what comes in.
  const [endless] = all.end('a', 51);
  for (let second = 0; second < 35 && !endless.isReset; second++) {
    all.end(`b${second}`, second === 0 ? 48 : 2);
    all.passes(1);
  }
  assert.equal(endless.isReset, true);
});

test('calls that the endpoint may not have looked at are reset a few at a time', () => {
  const all = new Ends();
  const left = all.end('a', 30, false);
  assert.equal(left.length, 20);
  all.nowMs += 1;
  all.ends.resetAbandoned(all.nowMs);
  assert.equal(all.ends.abandonedCount, 20, 'none of the others is a second old');
  all.passes(4);
  assert.ok(
    left.every(({ isReset }) => isReset),
    'some seconds later the others',
  );
});

test('however the look falls, no more than 20 calls without a response are reset in a second', () => {
  const all = new Ends();
  let [left, most] = [50, 0];
  const perLook: number[] = [];
  for (const client of ['a', 'b', 'c', 'd', 'e']) left -= 10 - all.end(client, 10, false).length;
  for (let look = 0; look < 20; look++) {
    all.nowMs += look === 0 ? 1 : 1000;
    perLook.push(all.ends.abandonedCount);
    all.ends.resetAbandoned(all.nowMs);
    perLook[look] -= all.ends.abandonedCount;
    most = Math.max(most, perLook[look] + (look === 0 ? 10 : perLook[look - 1]));
  }
  assert.equal(left, 40);
  assert.ok(most <= 20, `${most} in a second: ${perLook.join()}`);
  assert.equal(all.ends.abandonedCount, 0);
});

test('streams that run out without a response leave some resets to new ones, and keep up none with a response', () => {
  const all = new Ends();
  assert.equal(all.end('a', 40, false).length, 30);
  while (all.account('c').takeReset(all.nowMs));
  const [answered] = all.end('c', 1);
  all.nowMs += 1;
  all.ends.resetAbandoned(all.nowMs);
  assert.deepEqual([answered.isReset, all.ends.abandonedCount], [true, 30]);
  all.passes(1);
  assert.equal(all.ends.abandonedCount, 24);
  assert.equal(all.end('b', 10, false).length, 6, 'four are sent at once');
});

test('what a client may not reset any more takes nothing of what others may reset', () => {
  const all = new Ends();
  assert.equal(all.end('a', 50).length, 0, 'all of its share');
  assert.equal(all.end('a', 10, false).length, 10);
  assert.equal(all.end('b', 10, false).length, 0, 'the first cancels of another are sent at once');
});

test('what the connection does not bear any more takes nothing of the share of a client', () => {
  const all = new Ends();
  assert.equal(all.end('a', 10, false).length, 0);
  assert.equal(all.end('b', 60, false).length, 60);
  assert.equal(all.end('b', 50).length, 0);
});

test('a stream that runs out is credited what its client left, and what comes, up to a bound', () => {
  const all = new Ends();
  all.end('a', 50);
  const recorded = openStream(true);
  recorded.stream.receiveWindow = 500;
  assert.equal(all.ends.end(recorded.stream, CANCELLED, all.holding('a'), all.nowMs), false);
  assert.equal(recorded.creditedBytes, WINDOW_BYTES - 500);
  const data = Buffer.alloc(65_536);
  for (let piece = 0; piece < 32; piece++) recorded.stream.owner.onData(data, 0, data.length, false);
  assert.equal(recorded.creditedBytes, WINDOW_BYTES - 500 + 1_048_576);
  assert.equal(recorded.isReset, false);
});

const ENDINGS: readonly [what: string, end: (recorded: RecordedStream) => void][] = [
  ['its trailers', ({ stream }) => stream.owner.onTrailers(HeaderList.of(['grpc-status', '0']))],
  ['its last byte', ({ stream }) => stream.owner.onData(Buffer.alloc(0), 0, 0, true)],
  ['a response without content', ({ stream }) => stream.owner.onResponse(HeaderList.of(), true)],
  ['a reset', ({ stream }) => stream.owner.onReset(ErrorCode.CANCEL, undefined)],
  ['a GOAWAY', ({ stream }) => stream.owner.onRefused()],
  ['the end of the connection', ({ stream }) => stream.owner.onConnectionLost('gone')],
];
for (const [what, end] of ENDINGS) {
  test(`a stream that runs out is over with ${what}, once, and is not reset any more`, () => {
    const all = new Ends();
    const [recorded] = all.end('a', 51);
    recorded.stream.state = StreamState.CLOSED;
    end(recorded);
    end(recorded);
    assert.deepEqual([all.over, all.ends.abandonedCount, all.account('a').abandoned], [1, 0, 0]);
    all.passes(60);
    assert.equal(recorded.isReset, false);
  });
}

test('a stream that runs out and that the endpoint finds fault with is held against its client', () => {
  const all = new Ends();
  const ended = all.end('a', 54);
  const resets = [
    [ErrorCode.PROTOCOL_ERROR, undefined],
    [ErrorCode.CANCEL, undefined],
    [ErrorCode.PROTOCOL_ERROR, 'a_rule_that_the_endpoint_broke'],
    [ErrorCode.ENHANCE_YOUR_CALM, undefined],
  ] as const;
  for (const [index, [code, violation]] of resets.entries())
    ended[index].stream.owner.onReset(code, violation);
  assert.deepEqual(all.faults, ['a']);
  assert.equal(all.over, 4);
});

test('a stream that runs out is held against nobody if the proxy has written its request', () => {
  const all = new Ends();
  all.end('a', 50);
  const { stream } = openStream(true);
  const place = { isQuestion: true, ...IGNORING_OWNER };
  stream.owner = place;
  all.ends.end(stream, CANCELLED, all.holding('a'), all.nowMs);
  assert.notEqual(stream.owner, place, 'it runs out');
  stream.owner.onReset(ErrorCode.PROTOCOL_ERROR, undefined);
  assert.deepEqual([all.faults, all.over], [[undefined], 1]);
});

test('a response that ends before its request does not end the stream: half a request would look whole', () => {
  const all = new Ends();
  const [recorded] = all.end('a', 51);
  recorded.stream.state = StreamState.HALF_CLOSED_REMOTE;
  recorded.stream.owner.onTrailers(HeaderList.of(['grpc-status', '0']));
  assert.equal(all.over, 0);
  all.passes(5);
  assert.deepEqual(recorded.log, ['reset CANCEL']);
});

test('an endpoint that resets by itself wears the connection out too', () => {
  const all = new Ends();
  for (let count = 0; count < 99; count++) all.ends.noteReset(ErrorCode.CANCEL, false, undefined, all.nowMs);
  assert.deepEqual(all.worn, []);
  all.ends.noteReset(ErrorCode.CANCEL, false, undefined, all.nowMs);
  assert.equal(all.worn.length, 1);
});

test('800 faults wear a connection out, however slowly they come', () => {
  const all = new Ends();
  for (let count = 0; count < 799; count++) {
    all.nowMs += 1000;
    all.ends.noteReset(ErrorCode.PROTOCOL_ERROR, false, undefined, all.nowMs);
    all.ends.noteReset(ErrorCode.CANCEL, false, undefined, all.nowMs);
  }
  assert.deepEqual(all.worn, []);
  all.ends.noteReset(ErrorCode.PROTOCOL_ERROR, false, undefined, all.nowMs);
  assert.equal(all.worn.length, 1);
});

test('rules that the endpoint breaks cost resets of ours', () => {
  const all = new Ends();
  for (let count = 0; count < 100; count++)
    all.ends.noteReset(ErrorCode.PROTOCOL_ERROR, true, undefined, all.nowMs);
  assert.equal(all.worn.length, 1);
});

test('only what was begun and is not over can be reset', () => {
  const { stream } = openStream(false);
  const states = Object.values(StreamState).filter((state) => {
    stream.state = state;
    return isUnderWay(stream);
  });
  assert.deepEqual(states, [StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL, StreamState.HALF_CLOSED_REMOTE]);
});

test('streams lost to a faster attempt are reset at once, within half of what the endpoint bears, and leave the client its own', () => {
  const all = new Ends();
  assert.equal(all.end('a', 51, true, LOST).length, 0);
  assert.equal(all.end('a', 30, true, LOST).length, 30, 'the rest is for calls that clients cancel');
  assert.equal(all.account('a').abandoned, 0, 'the client has given up none of them');
  assert.deepEqual(all.worn, []);
  assert.equal(all.end('a', 49).length, 0, 'and is not charged for them');
});

test('lost streams without a response leave five resets of such streams to calls that clients cancel', () => {
  const all = new Ends();
  assert.equal(all.end('a', 12, false, LOST).length, 6);
  assert.equal(all.end('b', 5, false).length, 1, 'each of the last resets goes to a call that is cancelled');
  assert.equal(all.end('a', 1, true, LOST).length, 0, 'a stream with a response needs none of these');
  all.nowMs += 1000;
  assert.equal(all.end('a', 6, false, LOST).length, 0);
});

test('what runs out of lost and cancelled streams is charged to the client as far as it has cancelled it', () => {
  const all = new Ends();
  const lost = all.end('a', 60, true, LOST);
  const cancelled = all.end('a', 60);
  assert.equal(all.account('a').abandoned, cancelled.length);
  for (const { stream } of [...lost, ...cancelled]) stream.owner.onRefused();
  assert.deepEqual([all.account('a').abandoned, all.over], [0, lost.length + cancelled.length]);
});
