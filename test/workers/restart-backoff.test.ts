import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EARLY_DEATH_MS, RestartBackoff, StartUpDeaths } from '../../src/workers/restart-backoff.ts';

test('the first worker that dies is replaced at once, also when it died soon after its start', () => {
  assert.equal(new RestartBackoff().died(10), 0);
  assert.equal(new RestartBackoff().died(10 * EARLY_DEATH_MS), 0);
});

test('those that die soon are replaced later and later, half a minute at most', () => {
  const backoff = new RestartBackoff(() => 1);
  const delays = Array.from({ length: 10 }, () => backoff.died(100));
  assert.deepEqual(delays, [0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('the delay differs from time to time, by half of it at most', () => {
  const shortest = new RestartBackoff(() => 0);
  shortest.died(1);
  assert.equal(shortest.died(1), 125);
});

test('a worker that has lived for a minute makes up for those before it', () => {
  const backoff = new RestartBackoff(() => 1);
  for (let i = 0; i < 6; i++) backoff.died(1);
  assert.equal(backoff.died(EARLY_DEATH_MS), 0);
  assert.equal(backoff.died(1), 0);
  assert.equal(backoff.died(1), 250);
});

test('five early deaths during the start are a reason to give up', () => {
  const deaths = new StartUpDeaths();
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => deaths.died(1)),
    [false, false, false, false, true],
  );
});

test('once the start has succeeded there is always another try', () => {
  const deaths = new StartUpDeaths();
  for (let i = 0; i < 4; i++) deaths.died(1);
  deaths.succeeded();
  for (let i = 0; i < 20; i++) assert.equal(deaths.died(1), false);
});
