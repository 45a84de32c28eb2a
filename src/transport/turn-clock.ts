// The time, read once for everything that one chunk of octets brings about: calls begin and end by the hundred in it, and reading
// the clock for each was 2 % of a small call. Outside of that it is the clock.

import { performance } from 'node:perf_hooks';

/** When the chunk in hand was read; 0 outside. An array, as a variable would be a new object for each number. */
const turn = new Float64Array(1);

/** Monotonic milliseconds, at most as old as a chunk takes: about 1 ms. */
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
