// Counters over time become rates.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratesOverTime, SHOWN_MS, TotalsSeries } from '../../dashboard/model/totals-series.ts';
import { totalsAt } from './totals.ts';

test('a rate is what was added per second, however far apart the points are', () => {
  const series = new TotalsSeries();
  series.begin([totalsAt(0), totalsAt(5000, { ok: 10 })]);
  series.add(totalsAt(6000, { ok: 16 }));
  assert.equal(series.rate('ok', 1000), 6);
  assert.equal(series.rate('ok', 60_000), 16 / 6);
  assert.deepEqual(ratesOverTime(series.points, ['ok']), [
    [5, 6],
    [2, 6],
  ]);
});

test('counters that began anew are no negative rate, and one point has none', () => {
  const series = new TotalsSeries();
  assert.equal(series.rate('ok', 1000), 0);
  series.add(totalsAt(0, { ok: 100 }));
  assert.equal(series.rate('ok', 1000), 0);
  series.add(totalsAt(1000, { ok: 3 }));
  assert.equal(series.rate('ok', 1000), 0);
});

test('points that are older than what is shown are forgotten, but for one, and late ones are left out', () => {
  const series = new TotalsSeries();
  for (let second = 0; second <= 700; second++) series.add(totalsAt(second * 1000));
  series.add(totalsAt(690_000));
  assert.equal(series.points.length, SHOWN_MS / 1000 + 2);
  assert.equal(series.points[0].atEpochMs, 99_000);
  assert.equal(series.last?.atEpochMs, 700_000);
  series.begin([totalsAt(5)]);
  assert.equal(series.points.length, 1);
});
