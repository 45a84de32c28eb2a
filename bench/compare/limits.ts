// Is Framegate where it has to be? Every workload's limit beside what was measured.

import { type Measurement, median } from './measurement.ts';
import type { Workload } from './workloads.ts';

export interface LimitResult {
  readonly workloadName: string;
  /** A ratio to nginx, or a figure in the workload's unit; NaN when it was not measured. */
  readonly actual: number;
  readonly atMost: number;
  readonly isRatio: boolean;
  readonly isKept: boolean;
  /** Why the limit counts as not kept although the figure may be low: dropped calls, a failed start. */
  readonly problems: readonly string[];
}

export function checkLimits(
  workloads: readonly Workload[],
  measurements: readonly Measurement[],
): readonly LimitResult[] {
  return workloads.map((workload) => {
    const of = (peerName: string): Measurement | undefined =>
      measurements.find((found) => found.workloadName === workload.name && found.peerName === peerName);
    const framegate = median(of('framegate')?.samples ?? []);
    const isRatio = 'ratioToNginx' in workload.limit;
    const actual = isRatio ? framegate / median(of('nginx')?.samples ?? []) : framegate;
    const atMost = 'ratioToNginx' in workload.limit ? workload.limit.ratioToNginx : workload.limit.atMost;
    const problems = of('framegate')?.problems ?? [];
    return {
      workloadName: workload.name,
      actual,
      atMost,
      isRatio,
      isKept: actual <= atMost && problems.length === 0,
      problems,
    };
  });
}

export function limitLines(results: readonly LimitResult[]): readonly string[] {
  return results.map((result) => {
    const what = result.isRatio ? 'of nginx' : 'KiB per stream';
    const actual = Number.isNaN(result.actual) ? 'not measured' : `${result.actual.toFixed(2)} ${what}`;
    const verdict = result.isKept ? 'pass' : Number.isNaN(result.actual) ? '-   ' : 'FAIL';
    const problems = result.problems.map((problem) => `; ${problem}`).join('');
    return `${verdict}  ${result.workloadName.padEnd(8)}${actual}, at most ${result.atMost} ${what}${problems}`;
  });
}
