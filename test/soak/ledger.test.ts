// The soak's own judgement: what it lets pass, and what it complains of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FinishedCall, Ledger } from './ledger.ts';
import { MemoryTrend } from './memory.ts';

const CALL: FinishedCall = {
  kind: 'unary',
  places: ['service'],
  startedMs: performance.now(),
  outcome: 'UNAVAILABLE',
  details: '',
  requestId: undefined,
};

function complaints(act: (ledger: Ledger) => void): readonly string[] {
  const ledger = new Ledger();
  ledger.isSilent = true;
  act(ledger);
  return ledger.unexplained.map((text) => text.replace(/ \(.*/, ''));
}

/** What is said of a call that ends while a fault lasts on its way. */
function during(call: FinishedCall): readonly string[] {
  return complaints((ledger) => {
    ledger.faultBegins('reset', 'service');
    ledger.finished(call);
  });
}

test('a failure without a fault is not explained, nor by a fault elsewhere', () => {
  assert.equal(complaints((ledger) => ledger.finished(CALL)).length, 1);
  const elsewhere = complaints((ledger) => {
    ledger.faultBegins('reset', 'web');
    ledger.finished(CALL);
  });
  assert.equal(elsewhere.length, 1);
});

test('a failure is explained by a fault on its way, and only as a status that such a fault gives', () => {
  assert.deepEqual(during(CALL), []);
  assert.equal(during({ ...CALL, outcome: 'wrong bytes' }).length, 1);
  assert.equal(during({ ...CALL, outcome: 'UNKNOWN' }).length, 1);
});

test('a fault long past explains nothing', () => {
  const late = complaints((ledger) => {
    ledger.faultBegins('reset', 'service').end();
    ledger.finished({ ...CALL, startedMs: performance.now() + 60_000 });
  });
  assert.equal(late.length, 1);
});

const OK: FinishedCall = { ...CALL, outcome: 'OK', requestId: 'soak-1' };
const RECORD = { requestId: 'soak-1', grpcStatus: 'OK', httpStatus: 200 };

function agree(ledger: Ledger): void {
  ledger.finished(OK);
  ledger.logged(RECORD);
  ledger.logged({ ...RECORD, requestId: 'soak-2' });
  ledger.finished({ ...OK, requestId: 'soak-2' });
  ledger.settle();
}

test('client and access log have to agree, in whatever order they are heard', () => {
  assert.deepEqual(complaints(agree), []);
  const differing = complaints((ledger) => {
    ledger.logged({ ...RECORD, grpcStatus: 'INTERNAL' });
    ledger.finished(OK);
  });
  assert.match(differing[0], /client saw OK of soak-1, the access log says INTERNAL/);
});

test('a call without a record, and two records of one call, are complained of', () => {
  const missing = complaints((ledger) => {
    ledger.finished(OK);
    ledger.settle();
  });
  assert.match(missing[0], /^soak-1/);
  const twice = complaints((ledger) => {
    ledger.logged(RECORD);
    ledger.logged(RECORD);
  });
  assert.match(twice[0], /two records of soak-1/);
});

test('the trend of memory is that of what is left after collections', () => {
  const flat = new MemoryTrend();
  const growing = new MemoryTrend();
  for (let atMs = 0; atMs < 1_200_000; atMs += 1000) {
    const garbage = (atMs % 29_000) * 1000;
    flat.add(atMs, 100_000_000 + garbage);
    growing.add(atMs, 100_000_000 + garbage + atMs * 10);
  }
  assert.ok(Math.abs(flat.mibPerTenMinutes(0)) < 1, String(flat.mibPerTenMinutes(0)));
  const mib = growing.mibPerTenMinutes(0);
  assert.ok(mib > 5 && mib < 7, `${mib} of 5.7 MiB in 10 minutes`);
});

test('a stretch of time that has only begun says nothing about the trend of memory', () => {
  const trend = new MemoryTrend();
  for (let atMs = 0; atMs <= 62_000; atMs += 1000) trend.add(atMs, atMs < 40_000 ? 100_000_000 : 101_000_000);
  assert.ok(trend.mibPerTenMinutes(0, 20_000) > 10, 'three stretches, of which the last has risen');
  assert.equal(trend.mibPerTenMinutes(0, 40_000), 0, 'one stretch');
});
