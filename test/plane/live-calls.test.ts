// Pages of the calls of one process: the order, the end of a page, calls that end while it is made, and turns for others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveQuery } from '../../src/calls/live-query.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { LiveCalls } from '../../src/plane/live-calls.ts';
import type { LookedAt } from '../../src/relay/live-facts.ts';
import type { RequestHead } from '../../src/relay/request-head.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { RecordedStream } from '../support/recorded-stream.ts';
import { standIn } from '../support/stand-in.ts';

const PAGE: LiveQuery = { sort: 'age', limit: 100 };
const SUBJECT = {
  listener: 'l',
  client: '192.0.2.7:1',
  clientKey: '192.0.2.7',
  tls: '',
  authority: 'a',
  route: 'r',
  upstream: 'u',
  isGrpc: true,
  translation: undefined,
};

class Call implements LookedAt {
  readonly subject: RequestHead;
  readonly request = new StreamRelay(true);
  readonly response = new StreamRelay(true);
  readonly number: number;
  readonly requestId: number;
  readonly startedAtMs: number;
  readonly hasResponse = false;
  isFinished = false;

  constructor(number: number, startedAtMs: number, method = '/a.B/C') {
    this.number = number;
    this.requestId = number;
    this.startedAtMs = startedAtMs;
    const kind = standIn<RequestHead['kind']>({ httpMethod: 'POST' });
    this.subject = standIn<RequestHead>(Object.assign({ kind, method }, SUBJECT));
  }

  get parts(): LookedAt['parts'] {
    const attempts = standIn<LookedAt['parts']['attempts']>({ states: [] });
    return { stream: new RecordedStream().stream, attempts, isAsked: false };
  }
}

const ids = new RequestIds();

function liveCalls(...groups: readonly (readonly Call[])[]): LiveCalls<Call> {
  return new LiveCalls(() => groups, ids);
}

function made(count: number, startedAtMs: (index: number) => number = (index) => index): readonly Call[] {
  return Array.from({ length: count }, (_, index) => new Call(index, startedAtMs(index)));
}

test('a page has the first calls of all connections in order, also of many with the same key', async () => {
  const calls = made(1000, (index) => (index * 7919) % 10);
  const wanted = calls
    .toSorted((one, other) => one.startedAtMs - other.startedAtMs || one.number - other.number)
    .map(({ number }) => ids.text(number));
  for (const limit of [1, 99, 100, 101, 999]) {
    const part = await liveCalls(calls.slice(300), [], calls.slice(0, 300)).find({ ...PAGE, limit });
    assert.deepEqual(
      part.exchanges.map(({ id }) => id),
      wanted.slice(0, limit),
    );
    assert.deepEqual([part.total, part.matching], [1000, 1000]);
    const after = { key: part.keys[limit - 1], id: wanted[limit - 1] };
    assert.deepEqual(part.end, after);
    const next = await liveCalls(calls).find({ ...PAGE, limit: 3, after });
    assert.deepEqual(
      next.exchanges.map(({ id }) => id),
      wanted.slice(limit, limit + 3),
    );
  }
  for (const limit of [1000, 1001])
    assert.equal((await liveCalls(calls).find({ ...PAGE, limit })).end, undefined);
});

test('a call that ends while the page is made is left out', async () => {
  const calls = made(200);
  const ending = new LiveCalls(function* endAfterwards() {
    yield calls;
    for (const call of calls) call.isFinished = true;
  }, ids);
  const part = await ending.find({ ...PAGE, limit: 100 });
  assert.deepEqual([part.total, part.exchanges], [200, []]);
  assert.equal(part.end?.id, ids.text(99), 'the next page begins behind those that have ended');
  assert.deepEqual((await liveCalls(calls).find(PAGE)).total, 0, 'it is not counted any more');
});

test('others have their turn while many calls are looked at', async () => {
  const calls = made(20_000);
  let turns = 0;
  let isOver = false;
  const tick = (): void => {
    turns++;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  const slow: LiveQuery = { ...PAGE, blocked: 'client' };
  assert.equal((await liveCalls(calls).find(slow)).matching, 0);
  isOver = true;
  assert.ok(turns > 1, `${turns} turns`);
});

test('others have their turn while many connections without calls are looked at', async () => {
  let turns = 0;
  let isOver = false;
  const tick = (): void => {
    turns++;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  const idle = new LiveCalls<Call>(function* () {
    for (let connection = 0; connection < 200; connection++) {
      // Longer than a real one takes, so that the whole takes many turns on any machine.
      const until = performance.now() + 0.1;
      while (performance.now() < until);
      yield [];
    }
  }, ids);
  assert.equal((await idle.find(PAGE)).total, 0);
  isOver = true;
  assert.ok(turns > 1, `${turns} turns`);
});

test('what clients choose is shown readably, and cut', async () => {
  const escape = '\u001b[31m';
  const umlaut = Buffer.from('/ä').toString('latin1');
  const long = `/${'x'.repeat(60_000)}`;
  const calls = [umlaut, `/${escape}`, long].map((method, index) => new Call(index, index, method));
  const { exchanges } = await liveCalls(calls).find(PAGE);
  const [one, two, three] = exchanges.map(({ method }) => method);
  assert.equal(one, '/ä');
  assert.ok(!two.includes('\u001b'));
  assert.ok(three.length <= 401 && three.endsWith('…'));
  assert.equal((await liveCalls(calls).find({ ...PAGE, method: `${long.slice(0, 9000)}*` })).matching, 1);
});
