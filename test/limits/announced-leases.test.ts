// What streams have announced of a key that a store counts for: what the store is told of it, what is given back, and what a reload changes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OneLease } from './one-lease.ts';

const BURST = 1000;
const TERMS = { ratePerSecond: 1000, burst: BURST };
/** How many tokens a process takes at a time. */
const LEASE = BURST / 20;

for (const [size, everyMs] of [
  [10, 50],
  [5, 30],
  [1, 10],
])
  test(`messages of ${size} bytes that are announced in advance and not sent hold no more than the burst`, (t) => {
    const all = new OneLease(t, { ratePerSecond: 200, burst: BURST });
    let held = 0;
    for (let ms = 0; ms < 600_000; ms += everyMs) {
      all.clock.nowMs += everyMs;
      if (all.quota.take('all', size) === 0) {
        all.quota.announce('all', size);
        held += size;
      }
      all.askNow();
    }
    assert.ok(held > BURST - 2 * LEASE && held <= BURST, `${held} are held`);
  });

test('a stream that is refused for what it has announced is told so without another question', (t) => {
  const all = new OneLease(t, TERMS);
  all.announces(900);
  all.askNow();
  all.clock.nowMs += 10 * BURST;
  assert.equal(all.quota.take('all', 40), 0);
  all.quota.announce('all', 40);
  all.askNow();
  all.clock.nowMs += 10 * BURST;
  assert.equal(all.quota.knows('all', 61), true);
  assert.ok(all.quota.take('all', 61) > 0);
});

test('tokens that were granted count as used up beside what was announced', (t) => {
  const all = new OneLease(t, TERMS);
  all.announces(500);
  all.askNow();
  // Half of the tokens that were granted are left.
  assert.equal(all.quota.take('all', LEASE / 2), 0);
  all.clock.nowMs += 10 * BURST;
  assert.deepEqual(all.nextAsk().least, [500 + LEASE / 2]);
});

test('after a reload with a smaller burst, announced bytes that come leave behind no more than the burst, with the store and without it', (t) => {
  for (const isUp of [true, false]) {
    const all = new OneLease(t, { ratePerSecond: 1_000_000, burst: 1_000_000 }, isUp);
    const announced = all.announces(900_000);
    all.askNow();
    all.store.forgetAll();
    all.quota.change(TERMS);
    all.clock.nowMs += 60_000;
    assert.equal(all.takes(100), false, 'what has not come is held');
    announced.came(899_000);
    all.clock.nowMs += 1000;
    assert.equal(all.takes(100), false, 'the last 1,000 bytes are held');
    announced.came(1000);
    assert.equal(all.takes(100), false, 'they have come just now');
    all.clock.nowMs += 1100;
    assert.equal(all.takes(100), true, isUp ? 'with the store' : 'without it');
    t.mock.timers.reset();
  }
});

test('after a reload with a smaller burst, the store is told of no more than the burst', (t) => {
  const all = new OneLease(t, { ratePerSecond: 1_000_000, burst: 1_000_000 });
  all.announces(900_000);
  all.askNow();
  all.quota.change(TERMS);
  all.clock.nowMs += 60_000;
  // Beside what is announced, it has leased tokens.
  assert.equal(all.quota.take('all', LEASE / 2), 0);
  assert.deepEqual(all.nextAsk().least, [BURST]);
});

test('after a reload with a smaller burst, a message that does not come gives back nothing of another that holds all of it', (t) => {
  const all = new OneLease(t, { ratePerSecond: 1_000_000, burst: 1_000_000 });
  const [first, second] = [400_000, 300_000].map((count) => all.announces(count));
  all.askNow();
  all.store.forgetAll();
  all.quota.change(TERMS);
  first.end();
  all.askNow();
  all.clock.nowMs += 60_000;
  assert.ok(all.takesAll(10) <= LEASE);
  second.end();
  all.clock.nowMs += 1100;
  assert.ok(all.takesAll(10) >= BURST - LEASE);
});

test('a message that ends after a long time holds nothing from then on, and gives back no more than a lease beside what has gone back', (t) => {
  const all = new OneLease(t, TERMS);
  const announced = all.announces(900);
  all.askNow();
  all.clock.nowMs += 10 * BURST;
  announced.end();
  const taken = all.takesAll(10);
  assert.ok(taken >= BURST && taken <= BURST + 2 * LEASE, `${taken} were taken`);
});
