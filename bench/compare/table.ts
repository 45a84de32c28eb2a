// The result as people read it: a row per workload, a column per proxy, each figure with its ratio to nginx.

import { type Measurement, median } from './measurement.ts';
import { unitOf, type Workload } from './workloads.ts';

const BASELINE = 'nginx';

export function tableLines(
  workloads: readonly Workload[],
  peerNames: readonly string[],
  measurements: readonly Measurement[],
): readonly string[] {
  const notes: string[] = [];
  const rows = workloads.map((workload) => {
    const measurementOf = (peerName: string): Measurement | undefined =>
      measurements.find((found) => found.workloadName === workload.name && found.peerName === peerName);
    const baseline = median(measurementOf(BASELINE)?.samples ?? []);
    const cells = peerNames.map((peerName) => cell(measurementOf(peerName), baseline, notes));
    return [workload.title, unitOf(workload), ...cells];
  });
  const header = ['workload', 'unit', ...peerNames];
  const lines = align([header, header.map(() => ''), ...rows], '-');
  return notes.length === 0 ? lines : [...lines, '', ...notes];
}

/** `4.31 (0.16)`, or `4.31 (0.16) [2]` where note 2 says what went wrong. */
function cell(measurement: Measurement | undefined, baseline: number, notes: string[]): string {
  if (measurement === undefined) return '';
  const value = median(measurement.samples);
  const parts = [Number.isNaN(value) ? 'failed' : value.toFixed(2)];
  if (!Number.isNaN(value / baseline)) parts.push(`(${(value / baseline).toFixed(2)})`);
  if (measurement.problems.length > 0) {
    const problems = [...new Set(measurement.problems)].join('; ');
    notes.push(`[${notes.length + 1}] ${measurement.peerName}, ${measurement.workloadName}: ${problems}`);
    parts.push(`[${notes.length}]`);
  }
  return parts.join(' ');
}

/** A Markdown table that is readable unrendered; the second row becomes the rule. */
function align(rows: readonly (readonly string[])[], rule: string): readonly string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row, index) => {
    const cells = row.map((text, column) =>
      index === 1 ? rule.repeat(widths[column]) : text.padEnd(widths[column]),
    );
    return `| ${cells.join(' | ')} |`;
  });
}
