// The ring of the last diagnoses: repeats are counted, old ones dropped, and nothing grows with what peers do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_REASONS } from '../../src/observability/diagnosis-reasons.ts';
import {
  DIAGNOSIS_RING_CAPACITY,
  type DiagnosisEntry,
  type DiagnosisEvent,
  DiagnosisRing,
  fairlyChosen,
} from '../../src/observability/diagnosis-ring.ts';

const REFUSED: DiagnosisEvent = {
  code: 'FG1001',
  token: 'plaintext_on_tls_port',
  sentence: 'No TLS.',
  listener: 'public',
  client: '192.0.2.1:4000',
};

function startRing() {
  const clock = { nowEpochMs: 1_000_000 };
  return { clock, ring: new DiagnosisRing(() => clock.nowEpochMs) };
}

test('a diagnosis is kept with its time and what was known of it', () => {
  const { ring } = startRing();
  ring.record({ ...REFUSED, detail: 'wrong version number' }, '192.0.2.1');
  assert.deepEqual(ring.report(), {
    counts: { FG1001: 1 },
    recent: [
      {
        ...REFUSED,
        detail: 'wrong version number',
        atEpochMs: 1_000_000,
        lastAtEpochMs: 1_000_000,
        count: 1,
      },
    ],
    reasons: {
      FG1001: [{ sentence: 'No TLS.', detail: 'wrong version number', count: 1, lastAtEpochMs: 1_000_000 }],
    },
  });
});

test('the same from the same peer within a minute raises the count of its entry', () => {
  const { ring, clock } = startRing();
  ring.record(REFUSED, '192.0.2.1');
  clock.nowEpochMs += 59_999;
  ring.record({ ...REFUSED, client: '192.0.2.1:4001' }, '192.0.2.1');
  const [only, ...others] = ring.report().recent;
  assert.deepEqual(others, []);
  assert.deepEqual([only.count, only.atEpochMs, only.lastAtEpochMs], [2, 1_000_000, 1_059_999]);
});

test('each reason of a code is reported with its count, the newest first, and earlier ones are only counted', () => {
  const { ring, clock } = startRing();
  const give = (sentence: string, detail?: string): void => {
    clock.nowEpochMs += 1;
    ring.record({ ...REFUSED, sentence, ...(detail === undefined ? {} : { detail }) }, '192.0.2.1');
  };
  const [first, second] = ['The token has expired.', 'The token is of another issuer.'];
  for (const sentence of [first, second, first]) give(sentence);
  give(second, 'of its key');
  assert.deepEqual(ring.report().reasons, {
    FG1001: [
      { sentence: second, detail: 'of its key', count: 1, lastAtEpochMs: 1_000_004 },
      { sentence: first, count: 2, lastAtEpochMs: 1_000_003 },
      { sentence: second, count: 1, lastAtEpochMs: 1_000_002 },
    ],
  });
  for (let index = 0; index < 1000; index++) give(`No route for /${index}.`);
  give('No route for /995.');
  const { counts, reasons } = ring.report();
  assert.equal(counts['FG1001'], 1005);
  const [{ sentence, count }, ...others] = reasons['FG1001'];
  assert.deepEqual([sentence, count, others.length], ['No route for /995.', 2, MOST_REASONS - 1]);
});

test('a reason that is too long, or not harmless in a terminal, is one reason however often it is given', () => {
  const { ring } = startRing();
  for (let times = 0; times < 3; times++)
    for (const sentence of ['x'.repeat(100_000), 'a\u001bb'])
      ring.record({ ...REFUSED, sentence }, '192.0.2.1');
  const { reasons } = ring.report();
  assert.deepEqual(
    reasons['FG1001'].map(({ sentence, count }) => [sentence.length, count]),
    [
      ['a\\u001bb'.length, 3],
      [512, 3],
    ],
  );
});

test('of several reasons within a minute, the newest stands beside the newest time', () => {
  const { ring, clock } = startRing();
  ring.record({ ...REFUSED, detail: 'of the first', traceId: 'a1' }, '192.0.2.1');
  for (const sentence of ['The token has expired.', 'The token is of another issuer.']) {
    clock.nowEpochMs += 1000;
    ring.record({ ...REFUSED, sentence }, '192.0.2.1');
  }
  const [only, ...others] = ring.report().recent;
  assert.deepEqual(others, []);
  assert.deepEqual(only, {
    ...REFUSED,
    sentence: 'The token is of another issuer.',
    traceId: 'a1',
    count: 3,
    atEpochMs: 1_000_000,
    lastAtEpochMs: 1_002_000,
  });
});

test('after a minute it is a new entry, and the counter goes on', () => {
  const { ring, clock } = startRing();
  ring.record(REFUSED, '192.0.2.1');
  clock.nowEpochMs += 60_000;
  ring.record(REFUSED, '192.0.2.1');
  const { counts, recent } = ring.report();
  assert.deepEqual(counts, { FG1001: 2 });
  assert.deepEqual(
    recent.map(({ atEpochMs }) => atEpochMs),
    [1_060_000, 1_000_000],
  );
});

test('another code and another peer are entries of their own, the newest first', () => {
  const { ring } = startRing();
  ring.record(REFUSED, '192.0.2.1');
  ring.record({ ...REFUSED, client: '192.0.2.2:1' }, '192.0.2.2');
  ring.record(
    { code: 'FG2001', token: 'upstream_connection_refused', sentence: 'No.', endpoint: 'a:1' },
    'a:1',
  );
  const { counts, recent } = ring.report();
  assert.deepEqual(counts, { FG1001: 2, FG2001: 1 });
  assert.deepEqual(
    recent.map(({ code, client, endpoint }) => [code, client ?? endpoint]),
    [
      ['FG2001', 'a:1'],
      ['FG1001', '192.0.2.2:1'],
      ['FG1001', '192.0.2.1:4000'],
    ],
  );
});

test('the oldest are dropped when it is full, and the counters still know them', () => {
  const { ring } = startRing();
  const all = DIAGNOSIS_RING_CAPACITY + 10;
  for (let peer = 0; peer < all; peer++)
    ring.record({ ...REFUSED, client: `client-${peer}` }, `client-${peer}`);
  const { counts, recent } = ring.report();
  assert.deepEqual(counts, { FG1001: all });
  assert.equal(recent.length, DIAGNOSIS_RING_CAPACITY);
  assert.equal(recent[0].client, `client-${all - 1}`);
  assert.equal(recent.at(-1)?.client, 'client-10');
});

test('a flood of one kind from many addresses pushes no other kind out, nor does one of many kinds', () => {
  const { ring } = startRing();
  const other = { ...REFUSED, code: 'FG2001', token: 'upstream_refused' };
  ring.record(other, 'endpoint');
  for (let peer = 0; peer < DIAGNOSIS_RING_CAPACITY * 3; peer++) ring.record(REFUSED, `client-${peer}`);
  const codes = ring.report().recent.map(({ code }) => code);
  assert.deepEqual(
    [codes.length, codes.filter((code) => code === 'FG2001').length],
    [DIAGNOSIS_RING_CAPACITY, 1],
  );
  for (let peer = 0; peer < DIAGNOSIS_RING_CAPACITY; peer++) ring.record(other, `endpoint-${peer}`);
  const shared = ring.report().recent.map(({ code }) => code);
  assert.equal(shared.filter((code) => code === 'FG2001').length, DIAGNOSIS_RING_CAPACITY / 2);
});

function entry(code: string, atEpochMs: number): DiagnosisEntry {
  return { ...REFUSED, code, atEpochMs, lastAtEpochMs: atEpochMs, count: 1 };
}

test('of many diagnoses, each code has as many of the newest as there is room for', () => {
  const flood = Array.from({ length: 20 }, (_, index) => entry('FG1001', 100 - index));
  const all = [...flood, entry('FG1002', 7), entry('FG1002', 6), entry('FG1003', 5)];
  const chosen = fairlyChosen(all, 6).map(({ code, atEpochMs }) => `${code} ${atEpochMs}`);
  assert.deepEqual(chosen, ['FG1001 100', 'FG1001 99', 'FG1001 98', 'FG1002 7', 'FG1002 6', 'FG1003 5']);
  assert.equal(fairlyChosen(all, 100), all);
  assert.deepEqual(fairlyChosen([], 5), []);
});

test('a peer whose entry was dropped gets a new one', () => {
  const { ring } = startRing();
  for (let peer = 0; peer <= DIAGNOSIS_RING_CAPACITY; peer++) ring.record(REFUSED, `client-${peer}`);
  ring.record({ ...REFUSED, client: 'again' }, 'client-0');
  const { recent } = ring.report();
  assert.deepEqual([recent[0].client, recent[0].count], ['again', 1]);
});

test('an entry that was dropped does not take a later one of its peer with it', () => {
  const { ring, clock } = startRing();
  ring.record(REFUSED, 'client-0');
  clock.nowEpochMs += 60_000;
  ring.record(REFUSED, 'client-0');
  for (let peer = 1; peer < DIAGNOSIS_RING_CAPACITY; peer++) ring.record(REFUSED, `client-${peer}`);
  ring.record(REFUSED, 'client-0');
  const { recent } = ring.report();
  assert.deepEqual([recent.length, recent.at(-1)?.count], [DIAGNOSIS_RING_CAPACITY, 2]);
});

test('a clock that was set back neither throws nor loses anything', () => {
  const { ring, clock } = startRing();
  ring.record(REFUSED, '192.0.2.1');
  clock.nowEpochMs -= 3_600_000;
  ring.record(REFUSED, '192.0.2.1');
  assert.deepEqual(ring.report().counts, { FG1001: 2 });
});

test('texts without end are cut', () => {
  const { ring } = startRing();
  const long = 'x'.repeat(100_000);
  ring.record(
    {
      ...REFUSED,
      sentence: long,
      client: long,
      listener: long,
      endpoint: long,
      upstream: long,
      detail: long,
    },
    long,
  );
  assert.ok(JSON.stringify(ring.report()).length < 4_000);
});

test('what was reported does not change afterwards', () => {
  const { ring } = startRing();
  ring.record(REFUSED, '192.0.2.1');
  const before = ring.report();
  ring.record(REFUSED, '192.0.2.1');
  assert.equal(before.recent[0].count, 1);
  assert.deepEqual(before.counts, { FG1001: 1 });
});

test('what a terminal would obey is spelt out', () => {
  const ring = new DiagnosisRing(() => 0);
  ring.record(
    { code: 'FG3001', token: 'no_route', sentence: 'a\u009b31m\u202eb\u2066\u200f\u061c\u001b' },
    'x',
  );
  assert.equal(ring.report().recent[0].sentence, 'a\\u009b31m\\u202eb\\u2066\\u200f\\u061c\\u001b');
});
