// What streams announce while the store of their limit does not answer.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { OneLease } from './one-lease.ts';

const BURST = 1000;
/** All of the burst comes back in a second. */
const TERMS = { ratePerSecond: 1000, burst: BURST };

test('with `open`, messages of an outage are not held against anybody after it', (t) => {
  const all = new OneLease(t, { ratePerSecond: 100_000, burst: 100_000, failure: 'open' });
  assert.ok(all.takes(50_000));
  all.askNow();
  all.setUp(false);
  // Five times as much as the rate.
  const messages: { came(count: number): void }[] = [];
  for (let ms = 0; ms < 60_000; ms += 100) {
    all.clock.nowMs += 100;
    for (const message of messages.splice(0)) message.came(50_000);
    assert.equal(all.quota.take('all', 50_000), 0);
    const announced = all.quota.announce('all', 50_000);
    if (announced !== undefined) messages.push(announced);
  }
  all.setUp(true);
  all.clock.nowMs += 100;
  for (const message of messages) message.came(50_000);
  let waitedMs = 0;
  while (!all.takes(50_000)) {
    all.clock.nowMs += 10;
    waitedMs += 10;
    assert.ok(waitedMs < 1000, 'the limit brings so many in half a second');
  }
});

test('with `open`, a message that ends after the outage in which it began gives back nothing', (t) => {
  const all = new OneLease(t, { ...TERMS, failure: 'open' });
  assert.ok(all.takes(10));
  all.askNow();
  all.setUp(false);
  assert.equal(all.quota.take('all', 900), 0);
  const announced = all.quota.announce('all', 900);
  all.setUp(true);
  assert.ok(all.takes(400));
  announced?.end();
  assert.deepEqual(all.nextAsk().owed, [350]);
});

test('with `open`, a message for which tokens were leased before the outage holds them', (t) => {
  const all = new OneLease(t, { ...TERMS, failure: 'open' });
  assert.ok(all.takes(10));
  all.askNow();
  all.setUp(false);
  assert.equal(all.quota.take('all', 500), 0, 'nothing is taken for this one');
  assert.equal(all.quota.take('all', 20), 0);
  const announced = all.quota.announce('all', 20);
  assert.ok(announced !== undefined);
  all.setUp(true);
  all.clock.nowMs += 10_000;
  assert.equal(all.quota.take('all', 20), 0);
  assert.deepEqual(all.nextAsk().least, [30]);
});

/** A process that counts by its share, which is the whole limit. */
function alone(t: TestContext): OneLease {
  return new OneLease(t, TERMS, false);
}

test('with `local`, what does not come holds its part of the share however long it takes', (t) => {
  const all = alone(t);
  const announced = all.announces(900);
  all.clock.nowMs += 60_000;
  assert.equal(all.takes(101), false);
  assert.equal(all.takes(100), true);
  announced.end();
  assert.equal(all.takes(901), false);
  assert.equal(all.takes(900), true);
});

test('with `local`, what comes begins to go back when it comes', (t) => {
  const all = alone(t);
  const announced = all.announces(900);
  all.clock.nowMs += 60_000;
  announced.came(900);
  all.clock.nowMs += 100;
  assert.equal(all.takes(201), false);
  assert.equal(all.takes(200), true);
});

test('with `local`, a message that ends gives back nothing of what another one holds', (t) => {
  const all = alone(t);
  const [first] = [400, 500].map((count) => all.announces(count));
  all.clock.nowMs += 60_000;
  first.end();
  assert.equal(all.takes(501), false);
  assert.equal(all.takes(500), true);
});

test('what was announced in an outage is held after it', (t) => {
  const all = alone(t);
  all.announces(900);
  all.clock.nowMs += 60_000;
  all.setUp(true);
  assert.ok(all.takes(10));
  all.askNow();
  const taken = all.takesAll(10);
  assert.ok(taken <= 100 && taken >= 50, `${taken} were taken`);
});

test('the share follows the number of processes and the terms', (t) => {
  const all = alone(t);
  assert.equal(all.takesAll(10), BURST);
  all.clock.nowMs += 60_000;
  all.desk.storeChanged({ store: 'fleet', isUp: false, holders: 4 });
  assert.equal(all.takesAll(10), BURST / 4);
  all.clock.nowMs += 60_000;
  all.quota.change({ ratePerSecond: 1000, burst: 400 });
  assert.equal(all.takesAll(10), 100);
});
