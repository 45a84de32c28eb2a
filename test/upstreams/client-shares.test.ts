// Who holds how many places, who may have one more while they are scarce, and whose turn it is to wait no longer.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ClientShares } from '../../src/upstreams/client-shares.ts';
import type { Holding } from '../../src/upstreams/holding.ts';
import { WaitingLine } from '../../src/upstreams/waiting-line.ts';

class Shares {
  readonly shares: ClientShares<string>;
  nowMs = 1_000_000;

  constructor(t: TestContext, places: number, mostWaiting = 100) {
    // Not by a mock, which would remember a hundred thousand calls.
    performance.now = () => this.nowMs;
    t.after(() => Reflect.deleteProperty(performance, 'now'));
    this.shares = new ClientShares(mostWaiting, () => places);
    this.shares.recount();
  }

  of(client: string): Holding {
    return this.shares.holdingOf(client, undefined, client === 'many');
  }

  holds(client: string, count: number): Holding {
    const holding = this.of(client);
    for (let index = 0; index < count; index++) holding.take();
    return holding;
  }

  waits(client: string, ...calls: string[]): (string | undefined)[] {
    return calls.map((call) => this.shares.wait(this.of(client), call));
  }

  turns(count: number): (string | undefined)[] {
    return Array.from({ length: count }, () => this.shares.next());
  }
}

test('a client that is alone may have every place', (t) => {
  const { shares, ...all } = new Shares(t, 80);
  const alone = shares.holdingOf('a', undefined, false);
  for (let index = 0; index < 80; index++) {
    assert.equal(shares.mayTake(alone), true);
    alone.take();
  }
  assert.equal(shares.isScarce, true);
  assert.ok(all);
});

test('with others about, the last places are for those that hold less than their share', (t) => {
  const all = new Shares(t, 80);
  all.holds('b', 1);
  const hog = all.holds('a', 69);
  assert.equal(all.shares.mayTake(hog), false, 'ten are left');
  assert.equal(all.shares.mayTake(all.of('b')), true);
  assert.equal(all.shares.mayTake(all.of('new')), true);
  hog.give();
  assert.equal(all.shares.mayTake(hog), true, 'eleven are left');
});

test('clients that each hold a little less than the last places do not take all of those', (t) => {
  const all = new Shares(t, 80);
  all.holds('a', 54);
  for (let client = 0; client < 16; client++) all.holds(`small ${client}`, 1);
  const greedy = [all.of('b'), all.of('c')];
  for (let round = 0; round < 20; round++)
    for (const client of greedy) if (all.shares.heldCount < 80 && all.shares.mayTake(client)) client.take();
  assert.deepEqual(
    greedy.map(({ held }) => held),
    [4, 4],
  );
  assert.equal(all.shares.heldCount, 78);
});

test('others count as about for a minute after their last call, and as long as they wait', (t) => {
  const all = new Shares(t, 80);
  const hog = all.holds('a', 70);
  all.of('b').take();
  all.of('b').give();
  assert.equal(all.shares.mayTake(hog), false);
  all.nowMs += 60_001;
  assert.equal(all.shares.mayTake(hog), true);
  all.waits('b', 'call');
  assert.equal(all.shares.mayTake(hog), false);
});

test('a peer behind which there are many has no share that is too large', (t) => {
  const all = new Shares(t, 80);
  all.holds('b', 1);
  assert.equal(all.shares.mayTake(all.holds('many', 79)), true);
  all.waits('b', 'call');
  assert.equal(all.shares.claim(), undefined, 'and nothing of it gives way');
});

test('clients take turns, each with its oldest call', (t) => {
  const all = new Shares(t, 80);
  all.waits('a', 'a1', 'a2', 'a3');
  all.waits('b', 'b1');
  all.waits('c', 'c1', 'c2');
  assert.deepEqual(all.turns(7), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3', undefined]);
  assert.equal(all.shares.waitingCount, 0);
});

test('who gave up waiting is passed over, and one for whom the place does not fit keeps its turn', (t) => {
  const all = new Shares(t, 80);
  all.waits('a', 'a1', 'a2');
  all.waits('b', 'b1');
  all.shares.stopWaiting(all.of('a'), 'a1');
  all.shares.stopWaiting(all.of('a'), 'a1');
  assert.equal(all.shares.waitingCount, 2);
  assert.equal(
    all.shares.next((call) => call === 'b1'),
    'b1',
  );
  assert.equal(all.shares.next(), 'a2');
});

test('a full queue turns away the newest of the client with which most wait, or the newcomer', (t) => {
  const all = new Shares(t, 80, 4);
  assert.deepEqual(all.waits('a', 'a1', 'a2', 'a3', 'a4', 'a5'), [
    undefined,
    undefined,
    undefined,
    undefined,
    'a5',
  ]);
  assert.deepEqual(all.waits('b', 'b1', 'b2', 'b3'), ['a4', 'a3', 'b3']);
  assert.deepEqual(all.turns(5), ['a1', 'b1', 'a2', 'b2', undefined]);
});

test('a claim is as large as what would make the shares even, and holds against those above', (t) => {
  const all = new Shares(t, 10);
  const hog = all.holds('a', 8);
  const small = all.holds('b', 2);
  assert.equal(all.shares.claim(), undefined, 'nobody waits');
  all.waits('b', 'b1', 'b2', 'b3', 'b4', 'b5');
  const claim = all.shares.claim();
  assert.equal(claim?.count, 3);
  assert.deepEqual([claim.isOwedBy(hog), claim.isOwedBy(small)], [true, false]);
});

test('what becomes free by itself is not claimed', (t) => {
  const all = new Shares(t, 80);
  all.holds('a', 80);
  all.waits('b', 'one', 'two', 'three');
  assert.equal(all.shares.claim(2)?.count, 1);
  assert.equal(all.shares.claim(3), undefined);
});

test('who holds one place fewer has no claim: a place that changed hands would be claimed back', (t) => {
  const all = new Shares(t, 10);
  all.holds('a', 3);
  all.holds('b', 2);
  all.waits('b', 'b1');
  assert.equal(all.shares.claim(), undefined);
  all.of('a').take();
  assert.equal(all.shares.claim()?.count, 1);
});

test('that a client is at fault is told once, until it was forgiven', (t) => {
  const all = new Shares(t, 10);
  const holding = all.of('a');
  const told = (count: number): boolean[] =>
    Array.from({ length: count }, () => holding.noteFault(all.nowMs, 1));
  assert.deepEqual(told(99), Array(99).fill(false));
  assert.deepEqual(told(3), [true, false, false]);
  all.nowMs += 3000;
  assert.equal(holding.isAtFault(all.nowMs), false);
  assert.deepEqual(told(8).filter(Boolean), [true]);
});

test('who holds the most and waits for more has no claim', (t) => {
  const all = new Shares(t, 10);
  all.holds('a', 9);
  all.holds('b', 1);
  all.waits('a', 'a1');
  assert.equal(all.shares.claim(), undefined);
});

test('of a hundred thousand clients that came and went little is kept', (t) => {
  const all = new Shares(t, 80);
  const staying = all.holds('staying', 1);
  for (let index = 0; index < 100_000; index++) {
    const holding = all.of(`c${index}`);
    holding.take();
    holding.give();
  }
  assert.ok(all.shares.holdingCount < 200, `${all.shares.holdingCount} are kept`);
  assert.equal(all.of('staying'), staying);
  assert.equal(all.shares.heldCount, 1);
});

test('what a client has to answer for is kept when it is gone, though not of everybody', (t) => {
  const all = new Shares(t, 80);
  all.of('bad').noteFault(all.nowMs, 100);
  for (let index = 0; index < 1000; index++) all.of(`c${index}`);
  assert.equal(all.of('bad').isAtFault(all.nowMs), true);
  for (let index = 0; index < 20_000; index++) all.of(`d${index}`).noteFault(all.nowMs, 1);
  assert.ok(all.shares.holdingCount < 10_000, `${all.shares.holdingCount} are kept`);
});

test('each call that waits no more is told of once, with the time that it has waited, whatever has become of it', (t) => {
  const all = new Shares(t, 10, 3);
  const waited: number[] = [];
  all.shares.onWaited = (ms) => waited.push(ms);
  all.waits('a', 'served', 'leaves');
  all.nowMs += 250;
  assert.equal(all.shares.next(), 'served');
  assert.deepEqual(waited, [250]);
  all.nowMs += 50;
  all.shares.stopWaiting(all.of('a'), 'leaves');
  all.shares.stopWaiting(all.of('a'), 'leaves');
  assert.deepEqual(waited, [250, 300]);
  all.waits('a', 'one', 'two', 'crowded out');
  all.nowMs += 10;
  assert.deepEqual(all.waits('b', 'new'), ['crowded out']);
  assert.deepEqual(all.waits('a', 'refused at once'), ['refused at once']);
  all.nowMs += 5;
  assert.equal(all.shares.takeAll().length, 3);
  assert.deepEqual(
    waited.slice(2).toSorted((one, other) => one - other),
    [5, 10, 15, 15],
  );
});

for (const clients of [1, 1000]) {
  test(`100,000 waiting calls of ${clients} clients are served in the order of the turns, however many in one turn`, (t) => {
    const all = new Shares(t, 200_000, 100_000);
    for (let call = 0; call < 100_000; call++) all.waits(`client ${call % clients}`, `call ${call}`);
    assert.equal(all.waits('client 0', 'one more')[0], 'one more', 'the queue is full');
    const served = all.turns(100_001);
    assert.ok(served.slice(0, -1).every((call, index) => call === `call ${index}`));
    assert.deepEqual([served.at(-1), all.shares.waitingCount], [undefined, 0]);
  });
}

test('the line of those that wait stays whole when its first, its last and one between them go', () => {
  const line = new WaitingLine<string, number>();
  for (const [index, item] of ['a', 'b', 'c', 'd', 'e'].entries()) line.append(item, index);
  for (const item of ['a', 'c', 'e']) assert.ok(line.delete(item));
  assert.equal(line.delete('a'), false);
  line.append('a', 5);
  const items: string[] = [];
  for (let place = line.first; place !== undefined; place = place.next) items.push(place.item);
  assert.deepEqual(items, ['b', 'd', 'a']);
  assert.deepEqual([line.size, line.last?.item, line.get('d'), line.has('c')], [3, 'a', 3, false]);
  for (const item of ['d', 'a', 'b']) line.delete(item);
  assert.deepEqual([line.first, line.last, line.size], [undefined, undefined, 0]);
});
