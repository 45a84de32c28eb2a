// Leases of limits that several machines share: what is admitted in all, what happens without the store, and what is kept per client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import { Lease } from '../../src/limits/lease.ts';
import type { LeaseDesk } from '../../src/limits/lease-desk.ts';
import { LeaseTable, MOST_LEASES } from '../../src/limits/lease-table.ts';
import { type LeaseTerms, leaseOf } from '../../src/limits/lease-terms.ts';
import type { LeasedQuota } from '../../src/limits/leased-quota.ts';
import { standIn } from '../support/stand-in.ts';
import { mostAdmitted } from './lease-bound.ts';
import { SimulatedClock, SimulatedStore } from './simulated-store.ts';

const TERMS: LeaseTerms = {
  store: 'fleet',
  limit: 'calls',
  ratePerSecond: 1000,
  burst: 1000,
};

interface Fleet {
  readonly clock: SimulatedClock;
  readonly store: SimulatedStore;
  readonly desks: readonly LeaseDesk[];
  readonly quotas: readonly LeasedQuota[];
}

function fleet(holders: number, terms: LeaseTerms = TERMS, mostKeys?: number): Fleet {
  const clock = new SimulatedClock();
  const store = new SimulatedStore(clock);
  const desks = Array.from({ length: holders }, () => store.desk(holders, mostKeys));
  return { clock, store, desks, quotas: desks.map((desk) => desk.quotaFor(terms)) };
}

/** Each holder is asked for `perMs` tokens in each millisecond; the store answers in the millisecond after it was asked. */
function run({ clock, store, desks, quotas }: Fleet, durationMs: number, perMs: number): number {
  let admitted = 0;
  for (let ms = 0; ms < durationMs; ms++) {
    clock.nowMs++;
    store.answerAll();
    for (const quota of quotas)
      for (let call = 0; call < perMs; call++) if (quota.take('all', 1) === 0) admitted++;
    for (const desk of desks) desk.flush();
  }
  return admitted;
}

function goDown({ desks }: Fleet): void {
  for (const desk of desks) desk.storeChanged({ store: 'fleet', isUp: false, holders: desks.length });
}

function comeBack({ desks }: Fleet): void {
  for (const desk of desks) desk.storeChanged({ store: 'fleet', isUp: true, holders: desks.length });
}

test('three holders under too many calls admit what the limit says for a minute, within the stated bound', () => {
  const all = fleet(3);
  const admitted = run(all, 60_000, 2);
  assert.ok(admitted <= mostAdmitted(TERMS, 3, 60_000), `${admitted} were admitted`);
  assert.ok(admitted >= 60_000, `${admitted} were admitted`);
  // Each holder asks some 20 times in a second.
  assert.ok(all.store.questions < 60 * 3 * 25, `${all.store.questions} questions`);
});

test('one busy holder beside two idle ones gets nearly the whole limit', () => {
  const all = fleet(3);
  const admitted = run({ ...all, quotas: all.quotas.slice(0, 1) }, 60_000, 2);
  assert.ok(admitted >= 60_000 && admitted <= mostAdmitted(TERMS, 3, 60_000), `${admitted} were admitted`);
});

test('every second of a minute is within the bound, also where all holders begin at once after a pause', () => {
  const all = fleet(3);
  for (let second = 0; second < 20; second++) {
    const admitted = run(all, 1000, 3);
    assert.ok(admitted <= mostAdmitted(TERMS, 3, 1000), `${admitted} in second ${second}`);
    all.clock.nowMs += second % 4 === 0 ? 5000 : 0;
  }
});

test('calls below the limit are all admitted, and a slow caller needs no call of its own to the store', () => {
  const all = fleet(3);
  const { clock, quotas, desks, store } = all;
  let refused = 0;
  for (let ms = 0; ms < 20_000; ms++) {
    clock.nowMs++;
    store.answerAll();
    if (ms % 4 === 0) refused += quotas[(ms / 4) % 3].take('all', 1) > 0 ? 1 : 0;
    for (const desk of desks) desk.flush();
  }
  assert.equal(refused, 0);
  assert.ok(store.questions < 300, `${store.questions} questions for 5,000 calls`);
});

test('a store that is lost and comes back without its memory costs one burst more at most', () => {
  const all = fleet(3);
  const before = run(all, 10_000, 2);
  all.store.failAll();
  goDown(all);
  const without = run(all, 10_000, 2);
  all.store.forgetAll();
  comeBack(all);
  const after = run(all, 10_000, 2);
  const admitted = before + without + after;
  assert.ok(without >= 9000, `${without} were admitted without the store`);
  assert.ok(without <= mostAdmitted(TERMS, 3, 10_000), `${without} were admitted without the store`);
  assert.ok(admitted <= mostAdmitted(TERMS, 3, 30_000) + TERMS.burst, `${admitted} were admitted`);
});

test('a store that comes back for a moment again and again costs no more than one outage', () => {
  const terms = { ...TERMS, ratePerSecond: 1, burst: 100 };
  const admittedWith = (backEveryMs: number): number => {
    const all = fleet(1, terms);
    const [quota] = all.quotas;
    quota.take('all', 1);
    all.desks[0].flush();
    all.store.answerAll();
    goDown(all);
    let admitted = 0;
    for (let ms = 0; ms < 60_000; ms += 10) {
      all.clock.nowMs += 10;
      if (ms % backEveryMs === 0) {
        comeBack(all);
        admitted += quota.take('all', 1) === 0 ? 1 : 0;
        all.desks[0].flush();
        // The question fails, which takes the store down again.
        goDown(all);
        all.store.failAll();
      }
      for (let call = 0; call < 5; call++) admitted += quota.take('all', 1) === 0 ? 1 : 0;
    }
    return admitted;
  };
  const once = admittedWith(60_000);
  assert.ok(once >= 100 && once <= 100 + 60 + 50, `${once} were admitted in one outage`);
  for (const backEveryMs of [5000, 1000, 100]) {
    const admitted = admittedWith(backEveryMs);
    assert.ok(admitted <= once + leaseOf(terms), `${admitted} were admitted, with one outage ${once}`);
  }
});

test('each outage begins with what the store had left just before it', () => {
  const terms = { ...TERMS, ratePerSecond: 1, burst: 100 };
  const all = fleet(1, terms);
  const [quota] = all.quotas;
  const [desk] = all.desks;
  const asked: number[] = [];
  desk.askBy(({ number }) => asked.push(number));
  for (const room of [100, 20, 60, 0]) {
    // All that was spent in the outage before has come back.
    all.clock.nowMs += 1_000_000;
    comeBack(all);
    quota.take('all', 1);
    desk.flush();
    desk.answered({ number: asked.pop() ?? 0, leases: { granted: [0], waitMs: [0], room: [room] } });
    all.clock.nowMs += 100;
    goDown(all);
    const admitted = burstOf(quota);
    assert.ok(Math.abs(admitted - room) <= 1, `${admitted} of ${room}`);
  }
});

test('a store that stops answering is not waited for: the local share counts', () => {
  const { clock, quotas, desks } = fleet(4);
  const [quota] = quotas;
  let admitted = 0;
  for (let ms = 0; ms < 1000; ms++) {
    clock.nowMs++;
    const waitMs = quota.take('all', 1);
    if (waitMs === 0) admitted++;
    else if (ms < 51) assert.ok(waitMs <= 50, `a call was told to wait ${waitMs} ms`);
    desks[0].flush();
  }
  // A quarter of the burst, and of the rate, beside what was spent in advance.
  assert.ok(admitted >= 400 && admitted <= 250 + 250 + 125 + leaseOf(TERMS), `${admitted} were admitted`);
});

test('a store whose answers are all late lets no more pass than the bound, and its own part of the limit at first', () => {
  for (const latencyMs of [60, 150, 400, 900]) {
    const { clock, store, desks, quotas } = fleet(3);
    let admitted = 0;
    for (let ms = 0; ms < 60_000; ms++) {
      clock.nowMs++;
      if (ms % latencyMs === 0) store.answerAll();
      for (const quota of quotas) while (quota.take('all', 1) === 0) admitted++;
      if (ms % latencyMs === 0) for (const desk of desks) desk.flush();
    }
    const most = mostAdmitted(TERMS, 3, 60_000) + TERMS.burst;
    assert.ok(admitted <= most, `${admitted} of ${most} with ${latencyMs} ms`);
    assert.ok(admitted >= 58_000, `${admitted} with ${latencyMs} ms`);
  }
});

test('without the store, whatever is taken at a time, no more passes than the local share', () => {
  const all = fleet(4, { ...TERMS, ratePerSecond: 1000, burst: 1000 });
  goDown(all);
  const [quota] = all.quotas;
  let admitted = 0;
  for (let ms = 0; ms < 60_000; ms++) {
    all.clock.nowMs++;
    // More than the share can have at once.
    if (quota.take('all', 600) === 0) admitted += 600;
  }
  assert.ok(admitted >= 0.95 * 15_000 && admitted <= 15_000 + 250 + 600, `${admitted} were admitted`);
});

test('a limit that is raised has tokens at once, also where it would have had none for an hour', () => {
  const { quotas, desks, store, clock } = fleet(1, { ...TERMS, ratePerSecond: 1 / 3600, burst: 10 });
  const [quota] = quotas;
  for (let turn = 0; turn < 20; turn++) {
    clock.nowMs += 100;
    quota.take('all', 1);
    desks[0].flush();
    store.answerAll();
  }
  assert.ok(quota.take('all', 1) > 1_800_000);
  quota.change({ ratePerSecond: 1 / 3600, burst: 10 });
  assert.ok(quota.take('all', 1) > 1_800_000, 'nothing has changed');
  quota.change({ ratePerSecond: 100, burst: 10 });
  let admitted = 0;
  for (let turn = 0; turn < 20; turn++) {
    clock.nowMs += 10;
    if (quota.take('all', 1) === 0) admitted++;
    desks[0].flush();
    store.answerAll();
  }
  assert.ok(admitted >= 10, `${admitted} were admitted`);
});

test('a question without an answer counts for 50 ms, and not longer', () => {
  const { clock, quotas, desks } = fleet(1, WAITING);
  desks[0].use([{ name: 'fleet', failure: 'open' }]);
  const [quota] = quotas;
  while (quota.take('client', 1) === 0);
  desks[0].flush();
  clock.nowMs += 50;
  assert.equal(quota.knows('client', 1), false);
  assert.ok(quota.take('client', 1) > 0);
  clock.nowMs += 1;
  assert.equal(quota.knows('client', 1), true);
  assert.equal(quota.take('client', 1), 0);
});

test('without the store `open` admits everything and `closed` what it had leased', () => {
  for (const failure of ['open', 'closed'] as const) {
    const all = fleet(1);
    all.desks[0].use([{ name: 'fleet', failure }]);
    run(all, 10, 1);
    all.store.failAll();
    goDown(all);
    const admitted = run(all, 1000, 1);
    assert.equal(all.quotas[0].closedBy('all'), failure === 'closed' ? 'fleet' : undefined);
    assert.equal(all.quotas[0].closedBy('a new key'), failure === 'closed' ? 'fleet' : undefined);
    if (failure === 'open') assert.equal(admitted, 1000);
    else assert.ok(admitted <= leaseOf(TERMS), `${admitted} were admitted`);
    comeBack(all);
    assert.ok(run(all, 1000, 1) > 900);
    assert.equal(all.quotas[0].closedBy('all'), undefined);
  }
});

test('keys count for themselves, and one question is about many of them', () => {
  const { clock, quotas, desks, store } = fleet(1);
  for (let key = 0; key < 200; key++) assert.equal(quotas[0].take(`client ${key}`, 1), 0);
  desks[0].flush();
  assert.equal(store.questions, 1);
  assert.equal(store.keysAsked, 200);
  store.answerAll();
  clock.nowMs++;
  for (let key = 0; key < 200; key++) assert.equal(quotas[0].take(`client ${key}`, 1), 0);
});

test('any number of keys takes no more room, and does not give a client its tokens back', () => {
  const terms = { ...TERMS, ratePerSecond: 10, burst: 10 };
  const mostKeys = 512;
  const all = fleet(1, terms, mostKeys);
  const [quota] = all.quotas;
  const [desk] = all.desks;
  let admitted = 0;
  const most = 40;
  for (let round = 0; round < most; round++) {
    for (let call = 0; call < 50; call++) admitted += quota.take('greedy', 1) === 0 ? 1 : 0;
    for (let key = 0; key < mostKeys * 1.6; key++) {
      quota.take(`${round} ${key}`, 1);
      if (key % 256 === 0) {
        desk.flush();
        all.store.answerAll();
      }
    }
    for (let turn = 0; turn < 10; turn++) {
      desk.flush();
      all.store.answerAll();
    }
  }
  // Its bucket, what it may have in advance, and one call for each time that it was forgotten.
  assert.ok(admitted <= 10 + 5 + 2 * leaseOf(terms) + most, `${admitted} were admitted`);
});

test('without the store, a client with 20,000 keys in turn gets no more for any of them than its share and a call for each time it was forgotten', () => {
  const terms = { ...TERMS, ratePerSecond: 0.1, burst: 30 };
  const holders = 3;
  const all = fleet(holders, terms);
  const [quota] = all.quotas;
  goDown(all);
  const keys = 20_000;
  const admitted = new Uint32Array(keys);
  const rounds = 12;
  for (let round = 0; round < rounds; round++) {
    all.clock.nowMs += 1000;
    for (let key = 0; key < keys; key++)
      for (let call = 0; call < 15; call++) admitted[key] += quota.take(`key ${key}`, 1) === 0 ? 1 : 0;
  }
  const ofShare = (terms.burst + (terms.ratePerSecond * rounds * 1000) / 1000) / holders;
  const most = admitted.reduce((one, other) => Math.max(one, other));
  assert.ok(most <= ofShare + rounds, `${most} calls of one key`);
  const inAll = admitted.reduce((one, other) => one + other);
  const forgotten = Math.ceil((keys * rounds) / (MOST_LEASES / 2));
  // Only the first keys were known to be new.
  assert.ok(inAll <= MOST_LEASES * ofShare + keys * rounds, `${inAll} calls`);
  assert.ok(admitted[0] <= ofShare + forgotten, `${admitted[0]} calls of the first key`);
  assert.ok(admitted.every((calls) => calls >= 1));
});

test('without the store, a forgotten key is new again only when what it may owe to the share has come back', () => {
  const all = fleet(6, { ...TERMS, ratePerSecond: 600, burst: 600 }, 4);
  const [quota] = all.quotas;
  goDown(all);
  assert.equal(
    quota.take('greedy', 600),
    0,
    'a message as large as the burst, which the share pays back in 6 s',
  );
  for (const other of ['a', 'b', 'c', 'd']) quota.take(other, 1);
  all.clock.nowMs += 1100;
  assert.notEqual(quota.take('greedy', 600), 0, 'the bucket of the store would be full again');
  all.clock.nowMs += 6000;
  assert.equal(quota.take('greedy', 600), 0);
});

test('what was spent in advance is told to the store, and paid before more is granted', () => {
  const all = fleet(3, { ...TERMS, ratePerSecond: 100, burst: 100 });
  // Each believes that it is alone, and spends half of the burst before the store has heard of it.
  for (const desk of all.desks) desk.storeChanged({ store: 'fleet', isUp: true, holders: 1 });
  const spent = all.quotas.map((quota) => {
    let taken = 0;
    while (quota.take('stream', 1) === 0) taken++;
    return taken;
  });
  assert.deepEqual(spent, [50, 50, 50]);
  for (const desk of all.desks) desk.flush();
  all.store.answerAll();
  // 50 tokens are missing, and 5 that the first was granted, and one more for the next.
  const [, , last] = all.quotas;
  const waitMs = last.take('stream', 1);
  assert.ok(waitMs >= 560 && waitMs <= 561, `${waitMs} ms`);
  all.clock.nowMs += waitMs;
  assert.equal(last.take('stream', 1), 0);
});

test('a store that answers nonsense neither gives away more than was wanted nor locks a key out without end', () => {
  const { clock, quotas, desks } = fleet(1);
  const [quota] = quotas;
  const [desk] = desks;
  let wanted = 0;
  desk.askBy((ask) => {
    wanted += ask.wanted[0];
    desk.answered({ number: ask.number, leases: { granted: [1e15], waitMs: [1e15], room: [1e15] } });
  });
  assert.equal(quota.take('all', 1), 0);
  desk.flush();
  let admitted = 0;
  while (quota.take('all', 1) === 0) admitted++;
  assert.ok(admitted <= wanted, `${admitted} of ${wanted}`);
  clock.nowMs += 3_600_001;
  assert.equal(quota.take('all', 1), 0);
});

/** How many calls pass at once. */
function burstOf(quota: LeasedQuota): number {
  let admitted = 0;
  while (admitted < 5000 && quota.take('all', 1) === 0) admitted++;
  return admitted;
}

test('when a limit is made smaller, no more passes at once than its new burst and half of that in advance, whatever was leased before', () => {
  for (const isAnswered of [true, false]) {
    const { quotas, desks, store } = fleet(1);
    const [quota] = quotas;
    quota.take('all', 1);
    desks[0].flush();
    if (isAnswered) store.answerAll();
    quota.change({ ratePerSecond: 10, burst: 10 });
    // Leases of the terms before arrive now.
    store.answerAll();
    const admitted = burstOf(quota);
    assert.ok(admitted >= 1 && admitted <= 10 + 5, `${admitted} have passed`);
    assert.equal(quota.take('all', 11), Number.POSITIVE_INFINITY);
  }
});

test('when a limit is made smaller, a debt is no more than an empty bucket by the new terms', () => {
  const { quotas, desks } = fleet(1);
  const [quota] = quotas;
  for (let call = 0; call < 400; call++) assert.equal(quota.take('all', 1), 0);
  quota.change({ ratePerSecond: 10, burst: 10 });
  const owed: number[] = [];
  desks[0].askBy((ask) => owed.push(...ask.owed));
  desks[0].flush();
  assert.deepEqual(owed, [10]);
});

test('when a limit is made larger, nobody waits for what the store has said under the old terms', () => {
  for (const isUp of [true, false]) {
    const all = fleet(1, { ...TERMS, ratePerSecond: 0.001, burst: 1 });
    const [quota] = all.quotas;
    const [desk] = all.desks;
    if (!isUp) goDown(all);
    burstOf(quota);
    desk.flush();
    all.store.answerAll();
    assert.ok(quota.take('all', 1) > 10_000);
    quota.change(TERMS);
    all.clock.nowMs += 2;
    assert.equal(quota.take('all', 1), 0, isUp ? 'with the store' : 'without it');
  }
});

test('the table of leases has a bound, and keeps what is in use', () => {
  const table = new LeaseTable();
  const kept = new Lease('kept', 1);
  table.add(kept, 0);
  for (let key = 0; key < 1_000_000; key++) {
    table.add(new Lease(`${key}`, 1), key);
    assert.ok(table.size <= MOST_LEASES);
    if (key % 1000 === 0) assert.equal(table.find('kept', key), kept);
  }
});

test('calls that are more than may be spent in advance wait for the store, and all get what it has', async () => {
  const { quotas, desks, store } = fleet(1, { ...TERMS, ratePerSecond: 10, burst: 10 });
  const [quota] = quotas;
  let admitted = 0;
  let refused = 0;
  const isOver = Promise.withResolvers<void>();
  const decide = (): void => {
    if (quota.take('client', 1) === 0) admitted++;
    else refused++;
    if (admitted + refused === 12) isOver.resolve();
  };
  for (let call = 0; call < 12; call++) {
    if (quota.knows('client', 1)) decide();
    else quota.learn('client', 1, decide);
  }
  assert.ok(admitted >= 1 && admitted < 10, `${admitted} at once`);
  desks[0].flush();
  store.answerAll();
  await isOver.promise;
  assert.equal(admitted, 10);
  assert.equal(refused, 2);
});

/** A call that waits again as often as it knows too little. */
class PatientCall {
  told = 0;
  readonly #quota: LeasedQuota;
  readonly #most: number;

  constructor(quota: LeasedQuota, most = 20) {
    this.#quota = quota;
    this.#most = most;
    this.#learn();
  }

  #learn(): void {
    this.#quota.learn('client', 1, () => {
      // A bound, so that a fault is seen and does not run for ever.
      if (++this.told < this.#most) this.#learn();
    });
  }
}

test('calls for which an answer was too little wait for the next one, and are told of each answer once', (t) => {
  for (const isAnswered of [true, false]) {
    const { quotas, desks, store } = fleet(1, { ...TERMS, ratePerSecond: 10, burst: 10 });
    t.after(() => desks[0].close());
    const calls = Array.from({ length: 30 }, () => new PatientCall(quotas[0]));
    desks[0].flush();
    if (isAnswered) store.answerAll();
    else store.failAll();
    assert.deepEqual(new Set(calls.map(({ told }) => told)), new Set([1]));
    desks[0].flush();
    store.answerAll();
    assert.equal(store.questions, isAnswered ? 1 : 2, 'what is not there is not asked for again at once');
  }
});

test('a call that ends while others are told is not told any more', () => {
  const { quotas, desks, store } = fleet(1);
  let told = 0;
  quotas[0].learn('client', 1, () => end());
  const end = quotas[0].learn('client', 1, () => told++);
  desks[0].flush();
  store.answerAll();
  assert.equal(told, 0);
});

const WAITING: LeaseTerms = { ...TERMS, ratePerSecond: 10, burst: 10 };

test('a call waits for a store that does not answer until its time is over, then `failure` decides for all, and one that has ended waits no more', async () => {
  const { quotas, desks, store } = fleet(1, WAITING);
  desks[0].use([{ name: 'fleet', failure: 'open' }]);
  const [quota] = quotas;
  while (quota.knows('client', 1)) quota.take('client', 1);
  let told = 0;
  const end = quota.learn('client', 1, () => told++);
  end();
  await new Promise<void>((resolve) => {
    quota.learn('client', 1, resolve);
  });
  assert.equal(quota.knows('client', 1), true);
  assert.equal(quota.take('client', 1), 0);
  assert.equal(told, 0);
  assert.equal(quota.learnWithinMs, 50);
  // It answers late: from now on it is waited for again.
  desks[0].flush();
  store.answerAll();
  let admitted = 0;
  while (admitted < 100 && quota.take('client', 1) === 0) admitted++;
  assert.ok(admitted < 20, 'it is limited again');
});

/** How many timers of this process are set. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

test('however many calls wait about one key, one timer ends their wait, and none runs without a call that waits', () => {
  const { quotas, desks, store } = fleet(1, WAITING);
  const [quota] = quotas;
  const before = timers();
  const wait = (): (() => void)[] =>
    Array.from({ length: 100 }, () => quota.learn('client', 1, () => undefined));
  const ends = wait();
  assert.equal(timers(), before + 1);
  for (const end of ends.splice(1)) end();
  assert.equal(timers(), before + 1, 'one waits');
  ends[0]();
  assert.equal(timers(), before, 'all have ended');
  const told = wait();
  assert.equal(timers(), before + 1);
  desks[0].flush();
  store.answerAll();
  assert.equal(timers(), before, 'all were told');
  const later = wait();
  for (const end of told) end();
  assert.equal(timers(), before + 1, 'who was told before ends no wait of others');
  for (const end of later) end();
});

test('a store that has not answered is asked again, and counts again when it does', () => {
  const { quotas, desks, store } = fleet(1, WAITING);
  desks[0].use([{ name: 'fleet', failure: 'closed' }]);
  const [quota] = quotas;
  while (quota.take('client', 1) === 0);
  desks[0].flush();
  store.failAll();
  assert.equal(quota.take('client', 1), 1000, 'closed');
  desks[0].flush();
  store.answerAll();
  assert.equal(quota.take('client', 1), 0);
});

test('tokens that ended calls have waited for are not kept for later', () => {
  const terms = { ...TERMS, ratePerSecond: 100, burst: 1000 };
  const { quotas, desks, store } = fleet(1, terms);
  const [quota] = quotas;
  const ends = Array.from({ length: 900 }, () => quota.learn('client', 1, () => undefined));
  desks[0].flush();
  for (const end of ends) end();
  store.answerAll();
  assert.ok(quota.left('client') <= 1000 - 900 + leaseOf(terms), `${quota.left('client')} are left`);
});

test('what a call gives back can be taken again', () => {
  const { quotas } = fleet(1, { ...TERMS, ratePerSecond: 20, burst: 20 });
  const [quota] = quotas;
  for (let call = 0; call < 100; call++) {
    assert.equal(quota.take('client', 1), 0);
    quota.giveBack('client', 1);
  }
});

test('what is given back can be taken again whatever the length of the key, and is left in between', () => {
  for (const key of ['short', `${'x'.repeat(128)}\n${'y'.repeat(128)}`]) {
    const { quotas } = fleet(1, { ...TERMS, ratePerSecond: 1, burst: 4 });
    const [quota] = quotas;
    for (let call = 0; call < 2; call++) assert.equal(quota.take(key, 1), 0);
    assert.equal(quota.left(key), 2);
    for (let call = 0; call < 2; call++) quota.giveBack(key, 1);
    assert.equal(quota.left(key), 4);
    assert.equal(quota.take(key, 1), 0);
  }
});

test('without the store, what is given back is given back to the local share', () => {
  const all = fleet(1, { ...TERMS, ratePerSecond: 1, burst: 4 });
  goDown(all);
  const [quota] = all.quotas;
  for (let call = 0; call < 50; call++) {
    assert.equal(quota.take('client', 1), 0);
    quota.giveBack('client', 1);
  }
});

test('what is given back during an outage does not lessen what the store is still to hear of', () => {
  for (const failure of ['local', 'open'] as const) {
    const all = fleet(1, { ...TERMS, ratePerSecond: 1, burst: 1000 });
    const [quota] = all.quotas;
    const [desk] = all.desks;
    desk.use([{ name: 'fleet', failure }]);
    let told = 0;
    desk.askBy(({ owed }) => {
      told += owed[0];
    });
    for (let call = 0; call < 400; call++) assert.equal(quota.take('client', 1), 0);
    goDown(all);
    for (let call = 0; call < 400; call++) {
      assert.equal(quota.take('client', 1), 0);
      quota.giveBack('client', 1);
    }
    comeBack(all);
    assert.equal(quota.take('client', 1), 0);
    desk.flush();
    assert.equal(told, 401, failure);
  }
});

test('the store is not told of what was given back while it was late', () => {
  const { clock, quotas, desks, store } = fleet(1, WAITING);
  const [quota] = quotas;
  assert.equal(quota.take('client', 1), 0);
  desks[0].flush();
  clock.nowMs += 60;
  assert.equal(quota.take('client', 1), 0, 'of the local share');
  quota.giveBack('client', 1);
  store.answerAll();
  assert.equal(quota.left('client'), 9);
});

test('more than the burst is never there', () => {
  const { quotas } = fleet(1);
  assert.equal(quotas[0].take('all', 1001), Number.POSITIVE_INFINITY);
});

test('a wait is a whole number of milliseconds, also between the milliseconds of the clock, with the store and without it', () => {
  for (const failure of ['local', 'closed'] as const) {
    const all = fleet(3, { ...TERMS, ratePerSecond: 7, burst: 9 });
    const { clock, store, desks, quotas } = all;
    const [quota] = quotas;
    const name = 'fleet';
    for (const desk of desks) desk.use([standIn<StoreConfig>({ name, failure })]);
    const waits = new Set<number>();
    const look = (): void => {
      for (let step = 0; step < 300; step++) {
        clock.nowMs += 7.123_456_789;
        store.answerAll();
        waits.add(quota.take('calls', 1));
        waits.add(quota.take('bytes', 3));
        for (const desk of desks) desk.flush();
      }
    };
    look();
    store.failAll();
    goDown(all);
    look();
    assert.ok(waits.size > 3, [...waits].join(' '));
    for (const waitMs of waits) assert.ok(Number.isInteger(waitMs) && waitMs >= 0, `${failure}: ${waitMs}`);
  }
});

test('while the store does not answer, a refused call is told that nothing is left', () => {
  const all = fleet(2, { ...TERMS, ratePerSecond: 1, burst: 60 });
  const [quota] = all.quotas;
  goDown(all);
  while (quota.take('all', 1) === 0);
  assert.deepEqual([quota.left('all'), quota.left('another')], [0, 0]);
});
