// A store that is late, that has failed to answer about a key, or that is lost after a rest: what the next calls get, and what is counted.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import type { LeaseDesk } from '../../src/limits/lease-desk.ts';
import type { LeaseTerms } from '../../src/limits/lease-terms.ts';
import type { LeasedQuota } from '../../src/limits/leased-quota.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { EndingTokens } from '../../src/relay/gate-tokens.ts';
import { standIn } from '../support/stand-in.ts';
import { rateOf } from './eager-stream.ts';
import { SimulatedClock, SimulatedStore } from './simulated-store.ts';

const HOUR_MS = 3_600_000;
const TERMS: LeaseTerms = { store: 'fleet', limit: 'calls', ratePerSecond: 10, burst: 10 };

type Failure = StoreConfig['failure'];

/** One process, whose store answers when it is told to. */
class Scene {
  readonly clock = new SimulatedClock();
  readonly store = new SimulatedStore(this.clock);
  readonly desk: LeaseDesk;
  readonly quota: LeasedQuota;
  admitted = 0;
  refused = 0;

  constructor(t: TestContext, failure: Failure, terms = TERMS) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.desk = this.store.desk(1);
    t.after(() => this.desk.close());
    this.desk.use([{ name: 'fleet', failure }]);
    this.quota = this.desk.quotaFor(terms);
  }

  /** As the policy for calls does. */
  call(): void {
    if (this.quota.take('all', 1) === 0) this.admitted++;
    else if (this.quota.knows('all', 1)) this.refused++;
    else this.quota.learn('all', 1, () => this.call());
  }

  /** @returns how many are admitted at once */
  takeAll(): number {
    let taken = 0;
    while (taken < 5000 && this.quota.take('all', 1) === 0) taken++;
    return taken;
  }

  /** A question is asked, and nobody answers it. */
  loseQuestion(): void {
    this.takeAll();
    this.desk.flush();
    this.store.failAll();
  }

  setUp(isUp: boolean): void {
    this.desk.storeChanged({ store: 'fleet', isUp, holders: 1 });
  }
}

test('with `closed`, a question that was lost refuses no call of an hour later: it asks, and waits for the answer', (t) => {
  const scene = new Scene(t, 'closed');
  scene.loseQuestion();
  assert.equal(scene.quota.take('all', 1), 1000);
  assert.equal(scene.quota.closedBy('all'), 'fleet');
  scene.desk.flush();
  scene.store.failAll();
  scene.clock.nowMs += HOUR_MS;
  assert.equal(scene.quota.closedBy('all'), undefined);
  scene.call();
  assert.deepEqual([scene.admitted, scene.refused], [0, 0]);
  scene.desk.flush();
  scene.store.answerAll();
  assert.deepEqual([scene.admitted, scene.refused], [1, 0]);
});

test('while calls come, `failure` decides until the store answers', (t) => {
  const scene = new Scene(t, 'closed');
  scene.loseQuestion();
  for (let step = 0; step < 20; step++) {
    scene.clock.nowMs += 900;
    assert.equal(scene.quota.take('all', 1), 1000);
  }
  scene.desk.flush();
  scene.store.answerAll();
  assert.equal(scene.quota.take('all', 1), 0);
});

test('with `closed`, a question that was lost ends no stream of an hour later: it waits for the answer', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new SimulatedClock();
  const store = new SimulatedStore(clock);
  const quotas = new Quotas(() => clock.nowMs);
  t.after(() => quotas.close());
  const limit: RateLimitConfig = {
    kind: 'rate',
    count: 'messages',
    direction: 'request',
    rate: { count: 10, periodMs: 1000 },
    burst: 10,
    by: [{ kind: 'route' }],
    exceed: 'end',
    store: 'fleet',
  };
  quotas.leases.use([standIn<StoreConfig>({ name: 'fleet', failure: 'closed' })]);
  quotas.leases.storeChanged({ store: 'fleet', isUp: true, holders: 1 });
  store.serve(quotas.leases);
  let granted = 0;
  let ended = 0;
  const owner = { granted: () => granted++, fault: assert.fail };
  const tokens = new EndingTokens(rateOf(limit, quotas), owner, () => ended++);
  for (let message = 0; message < 5; message++) assert.equal(tokens.take(1), 1);
  quotas.leases.flush();
  store.failAll();
  clock.nowMs += HOUR_MS;
  assert.equal(tokens.take(1), 0);
  assert.deepEqual([tokens.isHeld, ended], [true, 0]);
  quotas.leases.flush();
  store.answerAll();
  assert.deepEqual([granted, tokens.take(1), ended], [1, 1, 0]);
});

const PER_HOUR: LeaseTerms = { ...TERMS, ratePerSecond: 10 / 3600 };

/** Spends all that the store has. */
function spendAll(scene: Scene): void {
  for (let round = 0; round < 20; round++) {
    scene.takeAll();
    scene.desk.flush();
    scene.store.answerAll();
    scene.clock.nowMs += 51;
  }
  assert.ok(scene.quota.take('all', 1) > 300_000);
}

for (const [restHours, most] of [
  [0, 0],
  [0.5, 5],
  [5, 10],
])
  test(`a key whose tokens were all spent has what has come back in ${restHours} hours of rest when the store is lost then`, (t) => {
    const scene = new Scene(t, 'local', PER_HOUR);
    spendAll(scene);
    scene.clock.nowMs += restHours * HOUR_MS;
    if (restHours > 0) assert.equal(scene.quota.left('all'), most);
    scene.setUp(false);
    assert.equal(scene.takeAll(), most);
  });

test('what a store was owed comes back before anything else does, however long that takes', (t) => {
  const scene = new Scene(t, 'local', PER_HOUR);
  const asked: number[] = [];
  scene.desk.askBy(({ number }) => asked.push(number));
  scene.quota.take('all', 1);
  scene.desk.flush();
  // 20 tokens are owed, by other processes too.
  const waitMs = (21 * HOUR_MS) / 10;
  scene.desk.answered({ number: asked[0], leases: { granted: [0], waitMs: [waitMs], room: [0] } });
  scene.clock.nowMs += waitMs - 1000;
  assert.equal(scene.quota.left('all'), 0);
  scene.clock.nowMs += 2000 + HOUR_MS / 10;
  scene.setUp(false);
  assert.equal(scene.takeAll(), 2);
});

test('what is left is the same under another rate, and comes back by it', (t) => {
  const scene = new Scene(t, 'local', PER_HOUR);
  spendAll(scene);
  scene.clock.nowMs += 0.3 * HOUR_MS;
  scene.quota.change({ ratePerSecond: 1, burst: 100 });
  assert.equal(scene.quota.left('all'), 3);
  scene.clock.nowMs += 10_000;
  scene.setUp(false);
  assert.equal(scene.takeAll(), 13);
});

test('an answer by terms that do not apply any more makes nobody wait for long', (t) => {
  const scene = new Scene(t, 'local', PER_HOUR);
  spendAll(scene);
  scene.takeAll();
  scene.clock.nowMs += HOUR_MS / 10;
  scene.takeAll();
  scene.desk.flush();
  const asked = scene.store.questions;
  const answers = scene.store.takeAnswers();
  scene.quota.change({ ratePerSecond: 1000, burst: 1000 });
  for (const answer of answers) scene.desk.answered(answer);
  assert.ok(asked > 0 && answers.length === 1);
  scene.clock.nowMs += 51;
  const waitMs = scene.quota.take('all', 500);
  assert.ok(waitMs <= 50, `${waitMs} ms`);
});
