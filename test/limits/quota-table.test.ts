import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Allowance, QuotaTable } from '../../src/limits/quota-table.ts';

interface Bench {
  readonly table: QuotaTable;
  readonly pass: (ms: number) => void;
  /** Takes one. @returns the milliseconds to wait, 0 if it was there */
  readonly take: (key: string, client?: string) => number;
}

function bench(allowance: Allowance, most?: number): Bench {
  let nowMs = 5000;
  const table = new QuotaTable({ allowance, now: () => nowMs, most });
  return {
    table,
    pass: (ms) => {
      nowMs += ms;
    },
    take: (key, client) => {
      const count = table.find(key, client);
      const waitMs = table.waitMs(count, 1);
      if (waitMs === 0) count.used++;
      return waitMs;
    },
  };
}

const TEN_PER_SECOND: Allowance = { perMs: 0.01, burst: 5 };
/** So slow that nothing goes back in a test. */
const HOURLY: Allowance = { perMs: 1 / 3_600_000, burst: 1 };

test('a key has its burst at once, and then as many as the rate allows, evenly', () => {
  const { take, pass } = bench(TEN_PER_SECOND);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => take('a')),
    [0, 0, 0, 0, 0],
  );
  assert.equal(take('a'), 100);
  pass(99);
  assert.equal(take('a'), 1);
  pass(1);
  assert.equal(take('a'), 0);
  assert.equal(take('a'), 100);
  pass(60_000);
  assert.equal(
    [1, 2, 3, 4, 5, 6].filter(() => take('a') === 0).length,
    5,
    'no pause saves more than a burst',
  );
});

test('keys do not share, and more than a burst never comes', () => {
  const { table, take } = bench(TEN_PER_SECOND);
  for (let calls = 0; calls < 5; calls++) take('a');
  assert.notEqual(take('a'), 0);
  assert.equal(take('b'), 0);
  assert.equal(table.waitMs(table.find('b'), 6), Number.POSITIVE_INFINITY);
});

test('over a long time the rate holds to a token, whatever the moments of the calls', () => {
  const { take, pass } = bench({ perMs: 1 / 30, burst: 7 });
  let taken = 0;
  for (let step = 0; step < 100_000; step++) {
    pass((step * 7919) % 13);
    if (take('a') === 0) taken++;
  }
  let elapsedMs = 0;
  for (let step = 0; step < 100_000; step++) elapsedMs += (step * 7919) % 13;
  assert.ok(Math.abs(taken - (7 + elapsedMs / 30)) <= 1, `${taken} of ${7 + elapsedMs / 30}`);
});

test('a clock that is read late neither adds nor removes anything', () => {
  let nowMs = 100;
  const table = new QuotaTable({ allowance: TEN_PER_SECOND, now: () => nowMs });
  table.find('a').used = 3;
  nowMs = 99;
  assert.equal(table.find('a').used, 3);
  nowMs = 200;
  assert.equal(table.find('a').used, 2);
});

test('a full table drops counts that are full again, and no other', () => {
  const { table, take, pass } = bench(TEN_PER_SECOND, 64);
  for (let key = 0; key < 64; key++) take(`old ${key}`);
  for (let calls = 0; calls < 5; calls++) take('old 7');
  pass(200);
  for (let key = 0; key < 63; key++) assert.equal(take(`new ${key}`), 0);
  assert.ok(table.size <= 64 + 16);
  // 200 ms have given back 2 of the 5, or of the 6, that it had used.
  assert.equal([1, 2, 3].filter(() => take('old 7') === 0).length, 2, 'a count that is in use stays');
});

test('when no count can be dropped, further keys share some, and the counts of others stay', () => {
  const { table, take } = bench(HOURLY, 64);
  assert.equal(take('victim'), 0);
  let admitted = 0;
  for (let key = 0; key < 1_000_000; key++) if (take(`made up ${key}`) === 0) admitted++;
  assert.notEqual(take('victim'), 0, 'its count was not dropped');
  assert.ok(admitted <= 63 + 1024, `${admitted} were admitted`);
  assert.ok(table.size <= 64 + 1024, `${table.size} counts`);
});

test('keys that one client makes up take an eighth of the table, and then share one count of their own', () => {
  const { table, take } = bench(HOURLY, 800);
  let admitted = 0;
  for (let key = 0; key < 1_000_000; key++) if (take(`made up ${key}`, '192.0.2.1') === 0) admitted++;
  assert.equal(admitted, 101, 'an eighth, and one shared count');
  assert.equal(table.size, 101);
  for (let key = 0; key < 50; key++) assert.equal(take(`honest ${key}`, '192.0.2.2'), 0, `honest ${key}`);
});

test('a client whose keys are full again may name others without end', () => {
  const { take, pass } = bench(TEN_PER_SECOND, 800);
  for (let key = 0; key < 5000; key++) {
    assert.equal(take(`tenant ${key}`, '192.0.2.1'), 0, `tenant ${key}`);
    pass(10);
  }
});

test('a changed rate keeps what is used, and no count is more than empty', () => {
  const { table, take, pass } = bench({ perMs: 0.01, burst: 100 });
  for (let calls = 0; calls < 60; calls++) take('a');
  table.change({ perMs: 0.1, burst: 100 });
  assert.equal(table.find('a').used, 60);
  pass(100);
  assert.equal(table.find('a').used, 50);
  table.change({ perMs: 0.01, burst: 10 });
  assert.equal(take('a'), 100);
  table.change({ perMs: 0.01, burst: 1000 });
  assert.equal(table.find('a').used, 10);
});

test('what cannot be dropped is looked at after all others, and what was found lately is not dropped', () => {
  const { table, take, pass } = bench({ perMs: 1, burst: 5 }, 64);
  for (let key = 0; key < 64; key++) take(`old ${key}`);
  // Sixteen of them have something untold, and stand before the others.
  for (let key = 0; key < 16; key++) table.find(`old ${key}`).untold = 1;
  for (let key = 16; key < 64; key++) table.find(`old ${key}`);
  pass(100);
  take('first');
  take('second');
  assert.equal(table.peek('second')?.key, 'second', 'there was room for it');
  for (let key = 0; key < 16; key++) assert.equal(table.peek(`old ${key}`)?.untold, 1);
});

test('counts of which something is untold, being told, or announced here are not dropped', () => {
  for (const field of ['untold', 'untoldAnnounced', 'telling', 'announced'] as const) {
    const { table, take, pass } = bench(TEN_PER_SECOND, 8);
    for (let key = 0; key < 8; key++) {
      take(`old ${key}`);
      table.find(`old ${key}`)[field] = 1;
    }
    pass(60_000);
    for (let key = 0; key < 100; key++) take(`new ${key}`);
    for (let key = 0; key < 8; key++) assert.equal(table.peek(`old ${key}`)?.key, `old ${key}`, field);
  }
});

test('counts that others alone use, by what they have announced, are dropped', () => {
  const { table, take, pass } = bench(TEN_PER_SECOND, 8);
  for (let key = 0; key < 8; key++) table.told(table.find(`old ${key}`), 3, 3);
  pass(60_000);
  for (let key = 0; key < 8; key++) assert.equal(table.peek(`old ${key}`)?.used, 3);
  take('new');
  assert.equal(table.peek('new')?.key, 'new', 'there was room for it');
});

test('a count that keys share is found by each of them, as long as there is no room', () => {
  const { table, take, pass } = bench({ perMs: 0.001, burst: 3 }, 2);
  take('a');
  take('b');
  assert.equal(table.peek('c'), undefined, 'it has none yet');
  take('c');
  assert.equal(table.peek('c')?.used, 1);
  assert.equal(table.peek('c'), table.find('c'));
  pass(60_000);
  take('c');
  assert.equal(table.peek('c')?.key, 'c', 'now there is room for one of its own');
});

/** 900,000 tokens were taken for bytes that have not come when a reload leaves 1,000, which come back in a second. */
function shrunken(): Bench {
  const bytes = bench({ perMs: 1000, burst: 1_000_000 });
  bytes.table.find('a').used = 900_000;
  bytes.table.announce(bytes.table.find('a'), 900_000);
  bytes.table.change({ perMs: 1, burst: 1000 });
  return bytes;
}

test('what was announced before the burst was made smaller leaves behind no more than an empty count when it comes', () => {
  const { table, pass } = shrunken();
  const waitMs = (count: number): number => table.waitMs(table.find('a'), count);
  pass(60_000);
  assert.ok(waitMs(1) > 0, 'it has not come');
  table.announce(table.find('a'), -899_000);
  pass(60_000);
  assert.ok(waitMs(1) > 0, 'the last 1,000 have not come');
  table.announce(table.find('a'), -500);
  pass(60_000);
  assert.deepEqual([waitMs(500), waitMs(501)], [0, 1]);
  table.announce(table.find('a'), -500);
  pass(100);
  assert.deepEqual([waitMs(600), waitMs(601)], [0, 1]);
});

test('what was announced before the burst was made smaller gives back nothing of what other messages hold', () => {
  const { table, pass } = shrunken();
  for (const left of [450_000, 0]) {
    table.announce(table.find('a'), -450_000);
    table.giveBack(table.find('a'), 450_000);
    pass(1);
    assert.equal(table.find('a').used, left > 0 ? 1000 : 0);
  }
});

test('what was announced before the burst was made smaller is not used up once more when others tell, announce, or have used some', () => {
  const told = shrunken().table;
  told.told(told.find('a'), 900_000, 0);
  assert.equal(told.find('a').used, 900_000, 'those who told it know of no reload');
  told.told(told.find('a'), 1000, 0);
  told.announce(told.find('a'), -900_000);
  assert.equal(told.find('a').used, 1000);

  const announcing = shrunken().table;
  announcing.change({ perMs: 1, burst: 2000 });
  announcing.find('a').used += 500;
  announcing.announce(announcing.find('a'), 500);
  assert.equal(announcing.find('a').used, 1500);

  const past = shrunken().table;
  past.addPast('a', undefined, { more: 10, goneBack: 0 });
  assert.equal(past.find('a').used, 1010);
});

test('what went back between the moment at which tokens were taken and that at which they are announced is used up again', () => {
  const { table, pass } = bench({ perMs: 1, burst: 1000 });
  table.find('a').used = 900;
  pass(3);
  table.announce(table.find('a'), 900);
  assert.equal(table.find('a').used, 900);
});
