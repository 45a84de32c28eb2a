// The time, read once per chunk of bytes: calls begin and end by the hundred in one chunk, and reading the clock for each was 2 %
// of a small call. Outside of a chunk the clock itself is read.

import { performance } from 'node:perf_hooks';

/**
 * When the current chunk was read, or 0 outside of a chunk. This is an array because a variable would allocate a new object for
 * each number.
 */
const turn = new Float64Array(1);

/** Monotonic milliseconds. The value is at most as old as the processing of one chunk takes, about 1 ms. */
export function turnNowMs(): number {
  const sinceMs = turn[0];
  return sinceMs === 0 ? performance.now() : sinceMs;
}

export function beginTurn(): number {
  turn[0] = performance.now();
  return turn[0];
}

export function endTurn(): void {
  turn[0] = 0;
}

/** The getter walks through the platform's time service, so it is read once. */
const TIME_ORIGIN_EPOCH_MS = performance.timeOrigin;

/** @param turnMs a time of `turnNowMs`. @returns the same time in milliseconds since the Unix epoch */
export function epochMsOf(turnMs: number): number {
  return TIME_ORIGIN_EPOCH_MS + turnMs;
}
