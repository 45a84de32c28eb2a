// Percentiles of what fell into the buckets of a histogram between two moments.

import type { HistogramCounts } from '../../src/admin/dashboard-figures.ts';

/** @returns how many durations each bucket got from `before` to `after`; all of them if there is no before */
export function countsBetween(
  before: HistogramCounts | undefined,
  after: HistogramCounts,
): readonly number[] {
  return after.map((count, bucket) => Math.max(0, count - (before?.[bucket] ?? 0)));
}

export function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * From here on a bucket is three to seven times as long as its lower bound, so a value between its bounds would say nothing. `framegate top` does the
 * same (`LEAST_ONLY_SECONDS` in src/cli/top-figures.ts).
 */
export const LEAST_ONLY_MS = 60_000;

/**
 * @param boundsMs the upper bounds of all buckets but the last
 * @param share such as 0.99
 * @returns an estimate, interpolated within its bucket; from `LEAST_ONLY_MS` on and in the last bucket the lower bound, which is all that is known.
 * Undefined if nothing was counted
 */
export function percentileOf(
  counts: readonly number[],
  boundsMs: readonly number[],
  share: number,
): number | undefined {
  const total = sumOf(counts);
  if (total === 0) return undefined;
  let left = total * share;
  for (const [bucket, count] of counts.entries()) {
    if (count === 0 || count < left) {
      left -= count;
      continue;
    }
    const lowerMs = bucket === 0 ? 0 : boundsMs[bucket - 1];
    const upperMs = lowerMs >= LEAST_ONLY_MS ? lowerMs : (boundsMs[bucket] ?? lowerMs);
    return lowerMs + ((upperMs - lowerMs) * left) / count;
  }
  return boundsMs.at(-1);
}
