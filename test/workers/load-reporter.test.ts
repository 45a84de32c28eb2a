import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadReporter } from '../../src/workers/load-reporter.ts';
import { eventually } from '../support/eventually.ts';

interface Report {
  readonly streams: number;
  readonly taken: readonly number[];
  readonly closed: readonly number[];
}

test('connections that arrive in one turn are reported together and at once, those that close soon after', async (t) => {
  let streams = 0;
  const reports: Report[] = [];
  const reporter = new LoadReporter({ streams: () => streams, send: (report) => reports.push(report) });
  t.after(() => reporter.close());
  reporter.start();
  assert.equal(reports.length, 1);
  for (const connection of [1, 2, 3]) reporter.taken(connection);
  await eventually('they are reported', () => reports.length === 2);
  assert.deepEqual(reports[1].taken, [1, 2, 3]);
  streams = 5;
  reporter.closed(2);
  // Nothing else keeps the event loop of a test alive.
  await eventually('the end is reported', () => reports.length === 3);
  assert.deepEqual([reports[2].streams, reports[2].taken, reports[2].closed], [5, [], [2]]);
});

test('every connection is reported once, however they come and go', async (t) => {
  const reports: Report[] = [];
  const reporter = new LoadReporter({ streams: () => 0, send: (report) => reports.push(report) });
  t.after(() => reporter.close());
  reporter.start();
  const numbers = Array.from({ length: 100 }, (_, index) => index);
  for (const number of numbers) {
    reporter.taken(number);
    if (number % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    reporter.closed(number);
  }
  await eventually('all are closed', () => reports.flatMap(({ closed }) => closed).length === numbers.length);
  assert.deepEqual(
    reports.flatMap(({ taken }) => taken),
    numbers,
  );
  assert.deepEqual(
    reports.flatMap(({ closed }) => closed),
    numbers,
  );
});
