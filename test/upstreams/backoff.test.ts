// When an endpoint may be tried again: longer each time, spread, and soon while calls come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Backoff } from '../../src/upstreams/backoff.ts';

/** No spread: the middle of the range. */
const middle = (): number => 0.5;

test('it may be tried at once before it ever failed', () => {
  assert.equal(new Backoff().remainingMs(0), 0);
});

test('the waits grow by 1.6 from a second up to two minutes', () => {
  const backoff = new Backoff(middle);
  const waits: number[] = [];
  for (let failure = 0; failure < 14; failure++) {
    backoff.fail(0);
    waits.push(Math.round(backoff.remainingMs(0)));
  }
  assert.deepEqual(waits.slice(0, 5), [1000, 1600, 2560, 4096, 6554]);
  assert.deepEqual(waits.slice(-3), [120_000, 120_000, 120_000]);
});

test('a wait runs down and ends', () => {
  const backoff = new Backoff(middle);
  backoff.fail(5000);
  assert.equal(backoff.remainingMs(5400), 600);
  assert.equal(backoff.remainingMs(6000), 0);
  assert.equal(backoff.remainingMs(9999), 0);
});

test('every wait is spread by a fifth either way, whatever has happened before', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.array(random, { minLength: 1, maxLength: 2000 }), (randoms) => {
      let index = 0;
      const backoff = new Backoff(() => randoms[index]);
      for (; index < randoms.length; index++) {
        backoff.fail(0);
        const baseMs = Math.min(1000 * 1.6 ** index, 120_000);
        const waitMs = backoff.remainingMs(0);
        assert.ok(waitMs >= 0.8 * baseMs && waitMs <= 1.2 * baseMs, `${waitMs} of ${baseMs}`);
      }
    }),
    { numRuns: 50 },
  );
});

test('success begins the series anew', () => {
  const backoff = new Backoff(middle);
  for (let failure = 0; failure < 10; failure++) backoff.fail(0);
  backoff.succeed();
  assert.equal(backoff.remainingMs(0), 0);
  backoff.fail(0);
  assert.equal(backoff.remainingMs(0), 1000);
});

test('while calls are turned away the wait is a second at most', () => {
  const backoff = new Backoff(middle);
  for (let failure = 0; failure < 10; failure++) backoff.fail(7000);
  assert.ok(backoff.remainingMs(7000) > 10_000);
  backoff.noteDemand();
  assert.equal(backoff.remainingMs(7000), 1000);
  assert.equal(backoff.remainingMs(8000), 0);
});

test('demand does not make a short wait longer, and is forgotten with the next failure', () => {
  const backoff = new Backoff(() => 0);
  backoff.fail(0);
  backoff.noteDemand();
  assert.equal(backoff.remainingMs(0), 800);
  backoff.fail(0);
  assert.equal(backoff.remainingMs(0), 1280);
});
