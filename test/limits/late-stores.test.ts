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
import { mostAdmitted } from './lease-bound.ts';
import { SimulatedClock, SimulatedStore } from './simulated-store.ts';

const HOUR_MS = 3_600_000;
const TERMS: LeaseTerms = { store: 'fleet', limit: 'calls', ratePerSecond: 10, burst: 10 };

type Failure = StoreConfig['failure'];

/** One process, whose store answers when it is told to, or so many milliseconds after it was asked. */
class Scene {
  readonly clock = new SimulatedClock();
  readonly store = new SimulatedStore(this.clock);
  readonly desk: LeaseDesk;
  readonly quota: LeasedQuota;
  admitted = 0;
  refused = 0;
  readonly #t: TestContext;

  constructor(t: TestContext, failure: Failure, terms = TERMS) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#t = t;
    this.desk = this.store.desk(1);
    t.after(() => this.desk.close());
    this.desk.use([{ name: 'fleet', failure }]);
    this.quota = this.desk.quotaFor(terms);
  }

  answerAfter(latencyMs: number): void {
    this.desk.askBy((ask) => {
      setTimeout(() => {
        const answer = this.store.answerTo(ask);
        setTimeout(() => this.desk.answered(answer), latencyMs / 2);
      }, latencyMs / 2);
    });
  }

  pass(durationMs: number): void {
    for (let ms = 0; ms < durationMs; ms++) {
      this.clock.nowMs++;
      this.#t.mock.timers.tick(1);
    }
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

test('calls that could wait no longer, and were judged without the store, are counted once, and so is what was granted for them', (t) => {
  const scene = new Scene(t, 'local', { ...TERMS, ratePerSecond: 100, burst: 1000 });
  scene.answerAfter(60);
  for (let call = 0; call < 950; call++) scene.call();
  scene.pass(60);
  assert.deepEqual([scene.admitted, scene.refused], [950, 0]);
  // 50 of the burst are left, and 100 come in a second.
  scene.pass(500);
  for (let call = 0; call < 90; call++) scene.call();
  scene.pass(200);
  assert.equal(scene.admitted, 1040);
});

/** A sequence of numbers from 0 to 1 that is the same in each run. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** @returns how many calls several processes admit that get twice as many as the limit allows */
function admittedBy(
  t: TestContext,
  terms: LeaseTerms,
  holders: number,
  about: { readonly durationMs: number; readonly latencyMs: () => number; readonly isLost: () => boolean },
): number {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new SimulatedClock();
  const store = new SimulatedStore(clock);
  const desks = Array.from({ length: holders }, () => store.desk(holders));
  for (const desk of desks)
    desk.askBy((ask) => {
      const halfMs = about.latencyMs() / 2;
      setTimeout(() => {
        const answer = store.answerTo(ask);
        if (!about.isLost()) setTimeout(() => desk.answered(answer), halfMs);
      }, halfMs);
    });
  let admitted = 0;
  const call = (quota: LeasedQuota): void => {
    if (quota.take('all', 1) === 0) admitted++;
    else if (!quota.knows('all', 1)) quota.learn('all', 1, () => call(quota));
  };
  const quotas = desks.map((desk) => desk.quotaFor(terms));
  let calls = 0;
  for (let ms = 0; ms < about.durationMs; ms++) {
    clock.nowMs++;
    t.mock.timers.tick(1);
    for (calls += (2 * terms.ratePerSecond) / 1000; calls >= 1; calls--) call(quotas[ms % holders]);
  }
  for (const desk of desks) desk.close();
  t.mock.timers.reset();
  return admitted;
}

for (const [ratePerSecond, burst] of [
  [1000, 50],
  [1000, 500],
  [100, 5],
  [100, 100],
])
  test(`however late the answers are, and if some are lost, no more passes than the bound and the share of each process: ${ratePerSecond}/s, burst ${burst}`, (t) => {
    const terms = { ...TERMS, ratePerSecond, burst };
    const durationMs = 20_000;
    for (const holders of [1, 3, 6])
      for (const [latencyMs, lost] of [
        [60, 0],
        [150, 0],
        [500, 0],
        [900, 0],
        [500, 0.02],
        [40, 0.02],
      ]) {
        const random = numbersFrom(holders * latencyMs);
        const admitted = admittedBy(t, terms, holders, {
          durationMs,
          latencyMs: () => (lost > 0 ? random() * latencyMs : latencyMs),
          isLost: () => random() < lost,
        });
        const most = mostAdmitted(terms, holders, durationMs) + Math.max(holders, burst);
        const how = `${holders} processes, ${latencyMs} ms, ${lost} lost`;
        assert.ok(admitted <= most, `${admitted} of ${most}: ${how}`);
        const least = (ratePerSecond * durationMs) / 1000 / 2;
        assert.ok(admitted >= least, `${admitted} of ${least}: ${how}`);
      }
  });

test('questions that fail for ten minutes leave no debt that outlasts them for long', (t) => {
  const scene = new Scene(t, 'local');
  let isFailing = true;
  scene.desk.askBy((ask) => {
    setTimeout(
      () => scene.desk.answered(isFailing ? { number: ask.number } : scene.store.answerTo(ask)),
      isFailing ? 1000 : 2,
    );
  });
  const callFor = (seconds: number): number => {
    const before = scene.admitted;
    for (let calls = 0; calls < seconds * 20; calls++) {
      scene.call();
      scene.pass(50);
    }
    return scene.admitted - before;
  };
  const without = callFor(600);
  assert.ok(without >= 6000 && without <= 6020, `${without} calls`);
  isFailing = false;
  // What is owed is no more than twice the burst.
  callFor(5);
  const after = callFor(10);
  assert.ok(after >= 95 && after <= 105, `${after} calls`);
});
