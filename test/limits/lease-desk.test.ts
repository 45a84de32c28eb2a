// How the leases of several limits and stores are asked for: how many questions at a time, about how many keys, and whose turn it is.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LeaseAsk } from '../../src/config/lease-messages.ts';
import { LeaseDesk } from '../../src/limits/lease-desk.ts';
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

test('a store that does not answer has 64 open questions, and holds up no other store; then those that had no turn come first', (t) => {
  const scene = new Scene(t);
  const { desk, asked } = scene;
  const hanging = Array.from({ length: 80 }, (_, index) => scene.quota('one', `limit ${index}`));
  const healthy = scene.quota('two', 'limit');
  for (const each of hanging) want(each, 1);
  want(healthy, 1);
  desk.flush();
  assert.deepEqual(
    ['one', 'two'].map((name) => asked.filter(({ store }) => store === name).length),
    [64, 1],
  );
  const first = asked.splice(0);
  // The first one wants more again.
  scene.answer(first[0]);
  want(hanging[0], 1, 'other');
  desk.flush();
  assert.deepEqual(
    asked.map(({ limit }) => limit),
    [hanging[64].terms.limit],
  );
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
  assert.equal(admitted(), 8, 'by the last answer');
  changed(true);
  scene.nowMs += 10_000;
  quota.take('key', 1);
  answered(4);
  changed(false);
  assert.equal(admitted(), 5);
});
