// Durations over time: one column for each span of time, one row for each bucket of the histogram.

import type { DashboardTotals, HistogramCounts } from '../../src/admin/dashboard-figures.ts';
import { countsBetween } from './histogram.ts';

export type DurationKind = 'durations' | 'firstMessages';

export interface HeatMap {
  readonly fromEpochMs: number;
  readonly columnMs: number;
  /** For each column how many durations fell into each bucket. */
  readonly columns: readonly (readonly number[])[];
  /** The largest number of all. */
  readonly most: number;
  /** The first and the last bucket in which there is anything; both 0 if there is nothing. */
  readonly firstBucket: number;
  readonly lastBucket: number;
}

export interface HeatMapSpan {
  readonly toEpochMs: number;
  readonly spanMs: number;
  readonly columns: number;
}

/** @returns spans of whole seconds, so that a column that is over never changes again */
export function heatMapSpan(toEpochMs: number, shownMs: number, mostColumns: number): HeatMapSpan {
  const columnMs = Math.ceil(shownMs / mostColumns / 1000) * 1000;
  const columns = Math.ceil(shownMs / columnMs);
  return { toEpochMs: Math.ceil(toEpochMs / columnMs) * columnMs, spanMs: columns * columnMs, columns };
}

/**
 * @param points ascending in time. What was counted between two of them is spread evenly over the time between them, so that
 *   points that are further apart than a column leave no gaps.
 */
export function heatMapOf(
  points: readonly DashboardTotals[],
  kind: DurationKind,
  { toEpochMs, spanMs, columns: size }: HeatMapSpan,
): HeatMap {
  const fromEpochMs = toEpochMs - spanMs;
  const columnMs = spanMs / size;
  const buckets = points[0]?.[kind].length ?? 0;
  const columns = Array.from({ length: size }, () => Array.from({ length: buckets }, () => 0));
  for (const [index, point] of points.entries()) {
    if (index === 0) continue;
    const before = points[index - 1];
    const added = countsBetween(before[kind], point[kind]);
    if (!added.some((count) => count > 0)) continue;
    spread(columns, added, {
      from: (before.atEpochMs - fromEpochMs) / columnMs,
      to: (point.atEpochMs - fromEpochMs) / columnMs,
    });
  }
  return { fromEpochMs, columnMs, columns, ...extentOf(columns) };
}

/** @param place where the counts belong, in columns */
function spread(
  columns: number[][],
  added: HistogramCounts,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const first = Math.max(0, Math.floor(from));
  const last = Math.min(columns.length - 1, Math.ceil(to) - 1);
  for (let column = first; column <= last; column++) {
    const part = (Math.min(to, column + 1) - Math.max(from, column)) / (to - from);
    if (part <= 0) continue;
    for (const [bucket, count] of added.entries()) columns[column][bucket] += count * part;
  }
}

function extentOf(columns: readonly (readonly number[])[]): {
  readonly most: number;
  readonly firstBucket: number;
  readonly lastBucket: number;
} {
  let most = 0;
  let firstBucket = Number.POSITIVE_INFINITY;
  let lastBucket = 0;
  for (const column of columns) {
    for (const [bucket, count] of column.entries()) {
      if (count === 0) continue;
      most = Math.max(most, count);
      firstBucket = Math.min(firstBucket, bucket);
      lastBucket = Math.max(lastBucket, bucket);
    }
  }
  return { most, firstBucket: most === 0 ? 0 : firstBucket, lastBucket };
}

/**
 * The steps of colour. Few slow calls among many fast ones have to be seen, so the scale is logarithmic, and one call is never invisible.
 *
 * @returns 0 for nothing, otherwise 1 to `steps`
 */
export function heatStep(count: number, most: number, steps: number): number {
  if (count <= 0 || most <= 0) return 0;
  if (most <= 1) return steps;
  const part = Math.log1p(count) / Math.log1p(most);
  return Math.min(steps, Math.max(1, Math.ceil(part * steps)));
}
