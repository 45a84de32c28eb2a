import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIAGNOSIS_RING_CAPACITY, DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { mergeDiagnoses } from '../../src/observability/merged-diagnoses.ts';

function event(code: string) {
  return { code, token: 'token', sentence: 'A sentence.', listener: 'tls' };
}

test('diagnoses of several processes are added up, and the newest come first', () => {
  let nowMs = 0;
  const [one, other] = [new DiagnosisRing(() => nowMs), new DiagnosisRing(() => nowMs)];
  for (const [ring, code] of [
    [one, 'FG1001'],
    [other, 'FG1002'],
    [one, 'FG1002'],
    [other, 'FG1003'],
  ] as const) {
    nowMs += 1000;
    ring.record(event(code), `peer of ${nowMs}`);
  }
  const { counts, recent } = mergeDiagnoses([one.report(), other.report()]);
  assert.deepEqual(counts, { FG1001: 1, FG1002: 2, FG1003: 1 });
  assert.deepEqual(
    recent.map(({ code, atEpochMs }) => [code, atEpochMs]),
    [
      ['FG1003', 4000],
      ['FG1002', 3000],
      ['FG1002', 2000],
      ['FG1001', 1000],
    ],
  );
});

test('all processes together keep as many diagnoses as one process does', () => {
  const rings = [1, 2].map((ring) => {
    const full = new DiagnosisRing(() => ring);
    for (let peer = 0; peer < DIAGNOSIS_RING_CAPACITY; peer++)
      full.record(event('FG1001'), `${ring} ${peer}`);
    return full.report();
  });
  const { counts, recent } = mergeDiagnoses(rings);
  assert.equal(recent.length, DIAGNOSIS_RING_CAPACITY);
  assert.deepEqual(counts, { FG1001: 2 * DIAGNOSIS_RING_CAPACITY });
  assert.ok(
    recent.every(({ atEpochMs }) => atEpochMs === 2),
    'the newest of all',
  );
});
