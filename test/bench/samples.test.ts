import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentile, percentilesOf, Samples } from '../../bench/load/samples.ts';

test('a percentile is the smallest sample that as many are not above', () => {
  const sorted = Array.from({ length: 1000 }, (_, index) => index + 1);
  assert.equal(percentile(sorted, 0.5), 500);
  assert.equal(percentile(sorted, 0.99), 990);
  assert.equal(percentile(sorted, 0.999), 999);
  assert.equal(percentile(sorted, 1), 1000);
});

test('of few samples the highest percentiles are the largest one', () => {
  assert.equal(percentile([1, 2, 3], 0.999), 3);
  assert.equal(percentile([7], 0.5), 7);
});

test('there is no percentile of nothing', () => {
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('samples are kept in full, and sorted by number, beyond the room they begin with', () => {
  const samples = new Samples();
  for (let value = 5000; value >= 1; value--) samples.add(value);
  assert.deepEqual(percentilesOf(samples), {
    count: 5000,
    p50Ms: 2500,
    p99Ms: 4950,
    p999Ms: 4995,
    maxMs: 5000,
  });
});
