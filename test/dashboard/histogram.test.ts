// Percentiles and the heat map, from the counters of histograms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heatMapOf, heatMapSpan, heatStep } from '../../dashboard/model/heat-map.ts';
import { countsBetween, percentileOf } from '../../dashboard/model/histogram.ts';
import { totalsAt } from './totals.ts';

const bounds = [1, 10, 100];

test('a percentile lies in the bucket in which so many are reached', () => {
  assert.equal(percentileOf([0, 0, 0, 0], bounds, 0.5), undefined);
  assert.equal(percentileOf([10, 0, 0, 0], bounds, 0.5), 0.5);
  assert.equal(percentileOf([50, 50, 0, 0], bounds, 0.75), 5.5);
  assert.equal(percentileOf([98, 0, 2, 0], bounds, 0.99), 55);
  assert.equal(percentileOf([0, 0, 0, 5], bounds, 0.99), 100, 'nothing is known above the last bound');
});

test('from a minute on a percentile is the lower bound of its bucket, so that no call of a minute is shown as one of five', () => {
  const wide = [30_000, 60_000, 300_000, 1_800_000];
  assert.equal(percentileOf([0, 0, 1, 0, 0], wide, 0.99), 60_000);
  assert.equal(percentileOf([0, 0, 1, 9, 0], wide, 0.5), 300_000);
  assert.equal(percentileOf([0, 10, 0, 0, 0], wide, 0.5), 45_000);
});

test('only what was added between two moments counts', () => {
  assert.deepEqual(countsBetween([1, 2], [1, 5]), [0, 3]);
  assert.deepEqual(countsBetween(undefined, [1, 5]), [1, 5]);
  assert.deepEqual(countsBetween([4, 4], [1, 5]), [0, 1], 'counters of another start');
});

test('each column of the heat map has what ended in its time', () => {
  const points = [
    totalsAt(0, { durations: [0, 0, 0] }),
    totalsAt(1000, { durations: [4, 0, 0] }),
    totalsAt(2000, { durations: [4, 0, 0] }),
    totalsAt(4000, { durations: [4, 6, 0] }),
  ];
  const map = heatMapOf(points, 'durations', { toEpochMs: 4000, spanMs: 4000, columns: 4 });
  assert.deepEqual(map.columns, [
    [4, 0, 0],
    [0, 0, 0],
    [0, 3, 0],
    [0, 3, 0],
  ]);
  assert.deepEqual([map.most, map.firstBucket, map.lastBucket], [4, 0, 1]);
});

test('what ended before the time shown is left out, however far the points are apart', () => {
  const points = [totalsAt(0, { durations: [0] }), totalsAt(10_000, { durations: [10] })];
  const map = heatMapOf(points, 'durations', { toEpochMs: 10_000, spanMs: 4000, columns: 2 });
  assert.deepEqual(map.columns, [[2], [2]]);
  assert.deepEqual(heatMapOf([], 'durations', { toEpochMs: 0, spanMs: 10, columns: 1 }).columns, [[]]);
});

test('columns are whole seconds that stay in their place as time goes on', () => {
  assert.deepEqual(heatMapSpan(61_500, 60_000, 100), { toEpochMs: 62_000, spanMs: 60_000, columns: 60 });
  const [one, next] = [heatMapSpan(600_100, 600_000, 100), heatMapSpan(601_100, 600_000, 100)];
  assert.deepEqual(one, next);
  assert.deepEqual(one, { toEpochMs: 606_000, spanMs: 600_000, columns: 100 });
});

test('the colours are logarithmic, and one call can be seen among millions', () => {
  assert.deepEqual(
    [0, 1, 1000, 1_000_000].map((count) => heatStep(count, 1_000_000, 6)),
    [0, 1, 4, 6],
  );
  assert.equal(heatStep(1, 1, 6), 6);
  assert.equal(heatStep(0.2, 0.5, 6), 6);
});
