// Pages of the calls of one process: the order, the end of a page, calls that end while it is made, and turns for others.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LiveQuery } from '../../src/calls/live-query.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { endpointKey } from '../../src/observability/figure-layouts.ts';
import { LiveCalls } from '../../src/plane/live-calls.ts';
import type { AttemptState } from '../../src/relay/attempts.ts';
import type { LookedAt } from '../../src/relay/live-facts.ts';
import type { RequestHead } from '../../src/relay/request-head.ts';
import type { CallTarget } from '../../src/relay/snapshot.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { RecordedStream } from '../support/recorded-stream.ts';
import { standIn } from '../support/stand-in.ts';

const PAGE: LiveQuery = { sort: 'age', limit: 100 };
const SUBJECT = {
  listener: 'l',
  client: '192.0.2.7:1',
  clientKey: '192.0.2.7',
  clientAddress: '192.0.2.7',
  namesOtherClients: false,
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
  identity: string | undefined = undefined;
  isFinished = false;
  attempts: readonly AttemptState[] = [];

  constructor(number: number, startedAtMs: number, method = '/a.B/C', named: Partial<RequestHead> = {}) {
    this.number = number;
    this.requestId = number;
    this.startedAtMs = startedAtMs;
    const kind = standIn<RequestHead['kind']>({ httpMethod: 'POST' });
    const decision = standIn<RequestHead['decision']>({
      kind: 'forward',
      upstream: standIn<CallTarget>({ whyWaiting: { text: 'none answers', by: 'service' } }),
    });
    this.subject = standIn<RequestHead>({ kind, method, decision, ...SUBJECT, ...named });
  }

  get parts(): LookedAt['parts'] {
    const attempts = standIn<LookedAt['parts']['attempts']>({ states: this.attempts });
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

test('a filter by identity leaves calls by its name, or by name and subject', async () => {
  const calls = made(3);
  for (const [index, identity] of ['office:alice', 'office', 'officer'].entries())
    calls[index].identity = identity;
  for (const [identity, matching] of [
    ['office', 2],
    ['office:alice', 1],
    ['office*', 3],
    ['alice', 0],
  ] as const)
    assert.equal((await liveCalls(calls).find({ ...PAGE, identity })).matching, matching, identity);
});

test('a filter by client leaves calls of the peer, or of the client that a trusted peer names, by address or range', async () => {
  const named = [
    { namesOtherClients: true, clientKey: '203.0.113.9', clientAddress: '203.0.113.9' },
    { namesOtherClients: true, clientKey: '2001:db8:0:1::/64', clientAddress: '2001:db8:0:1::9' },
    {},
  ];
  const calls = named.map((one, index) => new Call(index, index, '/a.B/C', one));
  for (const [client, matching] of [
    ['192.0.2.7', 3],
    ['192.0.2.7:1', 3],
    ['192.0.2.7:2', 0],
    ['203.0.113.9', 1],
    ['203.0.113.0/24', 1],
    ['2001:db8:0:1::9', 1],
    ['2001:db8:0:1::8', 0],
    ['2001:db8:0:1::/64', 1],
    ['2001:db8::/32', 1],
  ] as const)
    assert.equal((await liveCalls(calls).find({ ...PAGE, client })).matching, matching, client);
});

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

/** Each look at the clock is one after which others have their turn. @returns how many turns they had until `work` was done */
async function turnsOfOthers(t: TestContext, work: () => Promise<unknown>): Promise<number> {
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => (nowMs += 2));
  let turns = 0;
  let isOver = false;
  const tick = (): void => {
    turns++;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  isOver = true;
  t.mock.restoreAll();
  return turns;
}

test('others have their turn while connections without calls are passed, and while calls are described', async (t) => {
  const idle: readonly Call[][] = Array.from({ length: 6400 }, () => []);
  assert.ok((await turnsOfOthers(t, () => liveCalls(...idle).find(PAGE))) >= 199);
  const calls = made(640);
  const looked = await turnsOfOthers(t, () => liveCalls(calls).find({ ...PAGE, limit: 1 }));
  const described = await turnsOfOthers(t, () => liveCalls(calls).find({ ...PAGE, limit: 640 }));
  assert.ok(looked >= 19 && described >= looked + 19, `${looked} and ${described} turns`);
});

test('one question is answered after the other, also behind one that fails', async (t) => {
  const log: string[] = [];
  const calls = made(2);
  let questions = 0;
  const live = new LiveCalls(function* logged() {
    const question = ++questions;
    log.push(`${question} begins`);
    for (let index = 0; index < 320; index++) yield [];
    if (question === 2) throw new Error('a fault');
    yield calls;
    log.push(`${question} ends`);
  }, ids);
  let statuses: readonly string[] = [];
  const turns = await turnsOfOthers(t, async () => {
    const asked = [live.find(PAGE), live.find(PAGE), live.find(PAGE)];
    statuses = (await Promise.allSettled(asked)).map(({ status }) => status);
  });
  assert.ok(turns > 20, 'each question takes several turns');
  assert.deepEqual(statuses, ['fulfilled', 'rejected', 'fulfilled']);
  assert.deepEqual(log, ['1 begins', '1 ends', '2 begins', '3 begins', '3 ends']);
});

/** A call whose attempt was sent a minute ago, or has no connection yet, if it has an endpoint. */
function attempted(
  upstream: string,
  first: 'queued' | 'paused' | 'sent' | 'connecting',
  endpoint = '',
): Call {
  const call = new Call(1, 1, '/a.B/C', { upstream });
  const { stream } = new RecordedStream();
  const sentAtMs = first === 'sent' ? performance.now() : 0;
  const isPlaced = first === 'sent' || first === 'connecting';
  call.attempts = [
    isPlaced ? { stage: 'sent', number: 1, endpoint, stream, sentAtMs } : { stage: first, number: 1 },
  ];
  return call;
}

/** A call whose request is complete, so that it is the turn of the service. */
function complete(call: Call): Call {
  call.request.end();
  return call;
}

test('an endpoint holds up the calls that it was sent and whose turn is its own, and no others', async (t) => {
  const hedged = complete(attempted('u', 'sent', 'a:1'));
  hedged.attempts = [...hedged.attempts, ...attempted('u', 'sent', 'a:2').attempts];
  const calls = [
    complete(attempted('u', 'sent', 'a:1')),
    hedged,
    complete(attempted('other', 'sent', 'a:1')),
    // The client has not sent its request: it holds itself up.
    attempted('u', 'sent', 'a:1'),
    complete(attempted('u', 'paused')),
    // These are held up by the service as well, but no endpoint has them.
    complete(attempted('u', 'queued')),
    complete(attempted('u', 'connecting', 'a:3')),
  ];
  const nowMs = performance.now() + 60_000;
  t.mock.method(performance, 'now', () => nowMs);
  const live = liveCalls(calls);
  assert.deepEqual(await live.countBlocked(), { client: 1, service: 5, framegate: 1 });
  assert.deepEqual(
    [...(await live.countHeldUp())],
    [
      [endpointKey('u', 'a:1'), 2],
      [endpointKey('other', 'a:1'), 1],
    ],
  );
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

test('the query of a call is neither shown nor compared', async () => {
  const calls = liveCalls([new Call(1, 1, '/w?token=abc')]);
  const all = await calls.find(PAGE);
  assert.deepEqual(
    all.exchanges.map(({ method }) => method),
    ['/w'],
  );
  assert.equal((await calls.find({ ...PAGE, method: '/w?token=a*' })).exchanges.length, 0);
  assert.equal((await calls.find({ ...PAGE, method: '/w' })).exchanges.length, 1);
});
