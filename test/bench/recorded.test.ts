import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measurement } from '../../bench/compare/measurement.ts';
import {
  compareWithRecorded,
  comparisonLines,
  MOST_WORSE,
  missedRows,
  type Recorded,
  withNewer,
} from '../../bench/compare/recorded.ts';

const RECORDED: Recorded = {
  date: '2026-01-01',
  how: 'by hand',
  machine: 'one',
  ratios: { small: { nginx: 0.2 } },
};

function measurements(framegate: number, nginx?: number): readonly Measurement[] {
  return [
    { rowName: 'small', peerName: 'framegate', samples: [framegate], problems: [] },
    { rowName: 'small', peerName: 'nginx', samples: nginx === undefined ? [] : [nginx], problems: [] },
  ];
}

test('a ratio up to 1.6 times the recorded one holds', () => {
  assert.equal(MOST_WORSE, 1.6);
  assert.equal(compareWithRecorded(RECORDED, measurements(7.9, 25))[0].isHeld, true);
});

test('a ratio above that fails', () => {
  const [comparison] = compareWithRecorded(RECORDED, measurements(8.1, 25));
  assert.equal(comparison.isHeld, false);
  assert.match(comparisonLines([comparison])[0], /^FAILED .*small .*nginx .*0\.32, recorded 0\.20/);
});

test('a ratio that could not be measured fails', () => {
  const [comparison] = compareWithRecorded(RECORDED, measurements(1));
  assert.equal(comparison.isHeld, false);
  assert.match(comparisonLines([comparison])[0], /not measured/);
});

test('a row that was missed counts by what was found when it was measured again', () => {
  const first = measurements(8.1, 25);
  assert.deepEqual([...missedRows(RECORDED, first)], ['small']);
  const again = withNewer(first, measurements(7.9, 25));
  assert.equal(again.length, 2);
  assert.deepEqual([...missedRows(RECORDED, again)], []);
  assert.deepEqual([...missedRows(RECORDED, withNewer(again, measurements(8.1, 25)))], ['small']);
});
