import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_REASONS } from '../../src/observability/diagnosis-reasons.ts';
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

test('reasons of several processes are added up, and the newest of each code come first', () => {
  let nowMs = 0;
  const [one, other] = [new DiagnosisRing(() => nowMs), new DiagnosisRing(() => nowMs)];
  const give = (ring: DiagnosisRing, sentence: string, detail?: string): void => {
    nowMs += 1000;
    ring.record({ ...event('FG3039'), sentence, detail }, 'peer');
  };
  give(one, 'a');
  give(other, 'b');
  give(one, 'b');
  give(other, 'a', 'detail');
  one.record(event('FG1001'), 'peer');
  const { reasons } = mergeDiagnoses([one.report(), other.report()]);
  assert.deepEqual(
    Object.entries(reasons).map(([code, all]) => [code, all.map(({ sentence, count }) => [sentence, count])]),
    [
      ['FG1001', [['A sentence.', 1]]],
      [
        'FG3039',
        [
          ['a', 1],
          ['b', 2],
          ['a', 1],
        ],
      ],
    ],
  );
  for (let index = 0; index < 100; index++) give(index % 2 === 0 ? one : other, String(index));
  const many = mergeDiagnoses([one.report(), other.report()]).reasons['FG3039'];
  assert.deepEqual(
    many.map(({ sentence }) => Number(sentence)),
    Array.from({ length: MOST_REASONS }, (_, index) => 99 - index),
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
