// The totals of the last ten minutes: how long they are kept, how many there are, and a clock that is set back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DashboardHistory } from '../../src/control/dashboard-history.ts';
import { TOTALS_LAYOUT } from '../../src/observability/figure-layouts.ts';

const MINUTE_MS = 60_000;
const TOTALS = { keys: [''], values: new Float64Array(TOTALS_LAYOUT.width) };

function timesAfter(added: readonly number[]): readonly number[] {
  const history = new DashboardHistory();
  for (const atEpochMs of added) history.add(atEpochMs, TOTALS);
  return history.points.map(({ atEpochMs }) => atEpochMs);
}

test('a point is kept for ten minutes', () => {
  const begin = 50 * MINUTE_MS;
  assert.deepEqual(timesAfter([begin, begin + 10 * MINUTE_MS - 1]), [begin, begin + 10 * MINUTE_MS - 1]);
  assert.deepEqual(timesAfter([begin, begin + 10 * MINUTE_MS]), [begin + 10 * MINUTE_MS]);
});

test('of points that come faster than one each second, the last 600 are kept', () => {
  const times = timesAfter(Array.from({ length: 1000 }, (_, index) => index * 10));
  assert.equal(times.length, 600);
  assert.deepEqual([times[0], times.at(-1)], [4000, 9990]);
});

test('when the clock is set back, the points that are ahead of it go, and those before it stay', () => {
  assert.deepEqual(timesAfter([1000, 2000, 3000, 2500]), [1000, 2000, 2500]);
  assert.deepEqual(timesAfter([1000, 2000, 2000]), [1000, 2000]);
});
