// The time, read once per chunk of bytes: calls begin and end by the hundred in one chunk, and reading the clock for each was 2 %
// of a small call. Outside of a chunk the clock itself is read.

import { performance } from 'node:perf_hooks';

/**
 * When the current chunk was read, or 0 outside of a chunk. This is an array because a variable would allocate a new object for
 * each number.
 */
const turn = new Float64Array(1);
/** The same in whole milliseconds modulo 2^32: a number that is never a separate object, however long the process runs. */
const stamp = new Int32Array(1);

/** Monotonic milliseconds. The value is at most as old as the processing of one chunk takes, about 1 ms. */
export function turnNowMs(): number {
  const sinceMs = turn[0];
  return sinceMs === 0 ? performance.now() : sinceMs;
}

export function beginTurn(): number {
  turn[0] = performance.now();
  stamp[0] = turn[0];
  return turn[0];
}

export function endTurn(): void {
  turn[0] = 0;
}

/** The time of `turnNowMs` as a stamp, which is small to keep and cheap to take. Only `msSince` can read it. */
export function turnStamp(): number {
  return turn[0] === 0 ? performance.now() | 0 : stamp[0];
}

/**
 * @param earlier a stamp of `turnStamp`, at most 49 days old
 * @param nowMs a time of `turnNowMs`
 * @returns whole milliseconds, never negative
 */
export function msSince(earlier: number, nowMs: number): number {
  const ms = (Math.floor(nowMs) - earlier) >>> 0;
  // A stamp that is taken behind `nowMs` is no age of 49 days.
  return ms > 0xffff_0000 ? 0 : ms;
}

/** The getter walks through the platform's time service, so it is read once. */
const TIME_ORIGIN_EPOCH_MS = performance.timeOrigin;

/** @param turnMs a time of `turnNowMs`. @returns the same time in milliseconds since the Unix epoch */
export function epochMsOf(turnMs: number): number {
  return TIME_ORIGIN_EPOCH_MS + turnMs;
}
