// How the leases of several limits and stores are asked for: how many questions at a time, about how many keys, and whose turn it is.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LeaseAsk } from '../../src/config/lease-messages.ts';
import { LeaseDesk } from '../../src/limits/lease-desk.ts';
import { MOST_LEASES } from '../../src/limits/lease-table.ts';
import type { LeasedQuota } from '../../src/limits/leased-quota.ts';
import { eventually } from '../support/eventually.ts';

/** Nobody answers unless the test does. */
class Scene {
  readonly asked: LeaseAsk[] = [];
  readonly desk: LeaseDesk;
  nowMs = 1000;

  constructor(t: TestContext) {
    this.desk = new LeaseDesk({ now: () => this.nowMs });
    t.after(() => this.desk.close());
    this.desk.askBy((ask) => this.asked.push(ask));
    for (const store of ['one', 'two']) this.desk.storeChanged({ store, isUp: true, holders: 1 });
  }

  quota(store: string, limit: string): LeasedQuota {
    return this.desk.quotaFor({ store, limit, ratePerSecond: 10, burst: 10 });
  }

  /** @param left how many tokens the store has after that */
  answer({ number, keys }: LeaseAsk, left = 5): void {
    const [granted, waitMs, room] = [1, 0, left].map((each) => keys.map(() => each));
    this.desk.answered({ number, leases: { granted, waitMs, room } });
  }
}

function want(quota: LeasedQuota, keys: number, name = 'key'): void {
  for (let key = 0; key < keys; key++) quota.take(`${name} ${key}`, 1);
}

test('a question is about 256 keys at most, and limits of one store take turns', (t) => {
  const scene = new Scene(t);
  const { desk, asked } = scene;
  const [large, small] = [scene.quota('one', 'large'), scene.quota('one', 'small')];
  want(large, 600);
  want(small, 1);
  desk.flush();
  assert.deepEqual(
    asked.map(({ keys }) => keys.length),
    [256, 1, 256, 88],
  );
});

test('a limit whose keys the store does not answer about has 16 open questions, and holds up no other limit', (t) => {
  const scene = new Scene(t);
  const { desk, asked } = scene;
  const hanging = scene.quota('one', 'hanging');
  const others = [scene.quota('one', 'healthy'), scene.quota('two', 'limit')];
  // More keys than 64 questions are about: the node of a cluster that has them is gone.
  want(hanging, 20_000);
  desk.flush();
  const ofHanging = (): readonly LeaseAsk[] => asked.filter(({ limit }) => limit === hanging.terms.limit);
  assert.deepEqual([ofHanging().length, asked.length], [16, 16]);
  for (let round = 0; round < 3; round++) {
    for (const other of others) want(other, 1, `round ${round}`);
    desk.flush();
    const news = asked.filter(({ limit }) => limit !== hanging.terms.limit).splice(2 * round);
    assert.deepEqual(
      news.map(({ store }) => store),
      ['one', 'two'],
    );
    for (const ask of news) scene.answer(ask);
    assert.deepEqual(
      others.map((other) => other.left(`round ${round} 0`)),
      [6, 6],
    );
  }
  assert.equal(ofHanging().length, 16);
  // As soon as one is answered, the next keys have their turn, in their order.
  scene.answer(ofHanging()[0]);
  desk.flush();
  assert.equal(ofHanging().length, 17);
});

test('where many limits hang, each has a question, and 64 all together beyond that; another limit is asked about all the same', (t) => {
  const scene = new Scene(t);
  const { desk, asked } = scene;
  const hanging = Array.from({ length: 20 }, (_, index) => scene.quota('one', `hanging ${index}`));
  for (const each of hanging) want(each, 20 * 256);
  desk.flush();
  assert.equal(asked.length, 64);
  const healthy = [scene.quota('one', 'healthy'), scene.quota('two', 'limit')];
  for (const each of healthy) want(each, 300);
  desk.flush();
  assert.deepEqual(
    asked.slice(64).map(({ store, keys }) => [store, keys.length]),
    [
      ['one', 256],
      ['two', 256],
      ['two', 44],
    ],
  );
  scene.answer(asked[64]);
  desk.flush();
  assert.deepEqual(
    asked.slice(67).map(({ limit, keys }) => [limit, keys.length]),
    [[healthy[0].terms.limit, 44]],
    'none of those that hang',
  );
});

test('however many keys are made up while a limit hangs, no more of them wait for a question than a limit counts for', (t) => {
  const scene = new Scene(t);
  const { desk, asked } = scene;
  const hanging = scene.quota('one', 'hanging');
  for (let round = 0; round < 5; round++) {
    want(hanging, 10_000, `round ${round}`);
    desk.flush();
  }
  let answered = 0;
  for (; answered < asked.length; answered++) {
    scene.answer(asked[answered]);
    desk.flush();
  }
  const keys = asked.reduce((sum, ask) => sum + ask.keys.length, 0);
  assert.ok(keys <= MOST_LEASES + 16 * 256, `${keys} keys were asked about`);
  assert.ok(keys >= MOST_LEASES);
});

test('questions are given up a second after they were asked, and no sooner', async (t) => {
  const scene = new Scene(t);
  const { desk, asked } = scene;
  const [early, late] = [scene.quota('one', 'early'), scene.quota('one', 'late')];
  desk.use([{ name: 'one', failure: 'closed' }]);
  want(early, 1);
  desk.flush();
  scene.nowMs += 600;
  want(late, 1);
  desk.flush();
  scene.nowMs += 400;
  await eventually('the first question is given up', () => {
    desk.flush();
    want(early, 1);
    want(late, 1);
    return asked.filter(({ limit }) => limit === early.terms.limit).length > 1;
  });
  assert.equal(asked.filter(({ limit }) => limit === late.terms.limit).length, 1);
  const again = asked.at(-1);
  assert.equal(again?.limit, early.terms.limit);
  assert.ok((again?.owed[0] ?? 0) >= 1, 'what was told is told again');
});

test('each outage begins with the share of what the store had left before it, and one that is told twice does not begin again', (t) => {
  const scene = new Scene(t);
  const { desk, asked } = scene;
  const quota = scene.quota('one', 'limit');
  const admitted = (): number => {
    let calls = 0;
    while (calls < 100 && quota.take('key', 1) === 0) calls++;
    return calls;
  };
  const answered = (left: number): void => {
    desk.flush();
    const last = asked.at(-1);
    assert.ok(last !== undefined);
    scene.answer(last, left);
  };
  const changed = (isUp: boolean): void => desk.storeChanged({ store: 'one', isUp, holders: 1 });
  quota.take('key', 1);
  answered(8);
  changed(false);
  // One of them was granted.
  assert.equal(admitted(), 9);
  scene.nowMs += 10_000;
  changed(false);
  assert.equal(admitted(), 10, 'its whole share has come back');
  scene.nowMs += 10_000;
  changed(true);
  changed(false);
  assert.equal(admitted(), 10, 'all has come back since the last answer');
  changed(true);
  scene.nowMs += 10_000;
  quota.take('key', 1);
  answered(4);
  changed(false);
  assert.equal(admitted(), 5);
});
