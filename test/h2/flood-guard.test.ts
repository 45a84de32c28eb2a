// Every bucket empties at its burst with its token, and fills up again with time.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { ConnectionError } from '../../src/h2/errors.ts';
import { Flood, FloodGuard } from '../../src/h2/flood-guard.ts';
import { FLOOD_LIMITS } from '../support/local-settings.ts';

const EXPECTED: readonly (readonly [flood: number, token: string, burst: number, perSecond: number])[] = [
  [Flood.PREMATURE_RESETS, 'too_many_resets', 200, 20],
  [Flood.STREAM_ERRORS, 'too_many_stream_errors', 20, 2],
  [Flood.PINGS, 'too_many_pings', 100, 10],
  [Flood.SETTINGS, 'too_many_settings', 20, 2],
  [Flood.PRIORITIES, 'too_many_priorities', 1000, 100],
  [Flood.WINDOW_UPDATES, 'too_many_window_updates', 1000, 100],
  [Flood.EMPTY_DATA, 'too_many_empty_frames', 20, 2],
  [Flood.UNKNOWN_FRAMES, 'too_many_unknown_frames', 100, 10],
  [Flood.REFUSED_STREAMS, 'too_many_refused_streams', 100, 10],
  [Flood.GOAWAYS, 'too_many_goaways', 20, 2],
  [Flood.LATE_FRAMES, 'too_many_late_frames', 1000, 100],
  [Flood.DEADLINE_RESETS, 'too_many_resets', 6400, 6400],
];

function countTimes(guard: FloodGuard, flood: number, times: number): void {
  for (let count = 0; count < times; count++) guard.count(flood);
}

function isEmptyAfter(guard: FloodGuard, flood: number, times: number, token: string): void {
  countTimes(guard, flood, times);
  assert.throws(
    () => guard.count(flood),
    (error: unknown) =>
      error instanceof ConnectionError && error.code === ErrorCode.ENHANCE_YOUR_CALM && error.token === token,
  );
}

test('every kind of flood is expected here', () => {
  assert.deepEqual(
    EXPECTED.map(([flood]) => flood),
    Object.values(Flood),
  );
});

describe('each bucket', () => {
  for (const [flood, token, burst, perSecond] of EXPECTED) {
    test(`${token}: after ${burst} at once`, () => {
      isEmptyAfter(new FloodGuard(FLOOD_LIMITS), flood, burst, token);
    });

    test(`${token}: a second gives back ${perSecond}`, () => {
      const guard = new FloodGuard(FLOOD_LIMITS);
      countTimes(guard, flood, burst);
      guard.replenish(1);
      isEmptyAfter(guard, flood, perSecond, token);
    });

    test(`${token}: a long time gives back no more than ${burst}`, () => {
      const guard = new FloodGuard(FLOOD_LIMITS);
      guard.count(flood);
      guard.replenish(1_000_000_000);
      isEmptyAfter(guard, flood, burst, token);
    });
  }
});

test('one empty bucket leaves the others full', () => {
  const guard = new FloodGuard(FLOOD_LIMITS);
  countTimes(guard, Flood.PINGS, 100);
  countTimes(guard, Flood.SETTINGS, 20);
});

test('what is forgiven may be spent again, up to the burst', () => {
  const guard = new FloodGuard(FLOOD_LIMITS);
  countTimes(guard, Flood.PINGS, 100);
  guard.forgive(Flood.PINGS, 10);
  isEmptyAfter(guard, Flood.PINGS, 10, 'too_many_pings');
  const other = new FloodGuard(FLOOD_LIMITS);
  countTimes(other, Flood.PINGS, 3);
  other.forgive(Flood.PINGS, 1_000_000);
  isEmptyAfter(other, Flood.PINGS, 100, 'too_many_pings');
});

test('WINDOW_UPDATEs are earned by DATA beyond the burst, within bounds, and time takes none away', () => {
  const guard = new FloodGuard(FLOOD_LIMITS);
  guard.count(Flood.WINDOW_UPDATES);
  for (let count = 0; count < 1_000_000; count++) guard.dataSent();
  guard.replenish(1);
  isEmptyAfter(guard, Flood.WINDOW_UPDATES, 100_000, 'too_many_window_updates');
});

test('WINDOW_UPDATEs are earned by streams that are opened, two by each', () => {
  const guard = new FloodGuard(FLOOD_LIMITS);
  countTimes(guard, Flood.WINDOW_UPDATES, 500);
  for (let count = 0; count < 100; count++) guard.streamOpened();
  isEmptyAfter(guard, Flood.WINDOW_UPDATES, 700, 'too_many_window_updates');
});

test('a guard that has counted nothing takes time and forgiveness', () => {
  const guard = new FloodGuard(FLOOD_LIMITS);
  guard.replenish(10);
  guard.forgive(Flood.PINGS, 10);
  isEmptyAfter(guard, Flood.PINGS, 100, 'too_many_pings');
});
