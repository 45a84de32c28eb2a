// Formats the result as a table: a row per figure, a column per proxy, and in each cell the multiple of Framegate's figure.

import { figureOf, type Measurement } from './measurement.ts';
import type { Row } from './workloads.ts';

export function tableLines(
  rows: readonly Row[],
  peerNames: readonly string[],
  measurements: readonly Measurement[],
): readonly string[] {
  const notes: string[] = [];
  const body = rows.map(({ name, title, unit }) => {
    const framegate = figureOf(measurements, name, 'framegate');
    const cells = peerNames.map((peerName) => {
      const measurement = measurements.find((found) => found.rowName === name && found.peerName === peerName);
      return cell(measurement, figureOf(measurements, name, peerName), framegate, notes);
    });
    return [title, unit, ...cells];
  });
  const header = ['workload', 'unit', ...peerNames];
  const lines = align([header, header.map(() => ''), ...body], '-');
  return notes.length === 0 ? lines : [...lines, '', ...notes];
}

/** @returns text such as `4.31 (0.16)`, followed by `[2]` if note 2 says what went wrong */
function cell(
  measurement: Measurement | undefined,
  figure: number,
  framegate: number,
  notes: string[],
): string {
  if (measurement === undefined) return '';
  const parts = [Number.isNaN(figure) ? '-' : figure.toFixed(2)];
  const ratio = figure / framegate;
  if (measurement.peerName !== 'framegate' && !Number.isNaN(ratio)) parts.push(`(${ratio.toFixed(2)})`);
  if (measurement.problems.length > 0) {
    const problems = [...new Set(measurement.problems)].slice(0, 3).join('; ');
    const text = `${measurement.peerName}: ${problems}`;
    const known = notes.findIndex((note) => note.endsWith(`] ${text}`));
    if (known === -1) notes.push(`[${notes.length + 1}] ${text}`);
    parts.push(`[${known === -1 ? notes.length : known + 1}]`);
  }
  return parts.join(' ');
}

/** @returns a Markdown table that is readable as plain text; the second row is replaced by a line of `rule` */
function align(rows: readonly (readonly string[])[], rule: string): readonly string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row, index) => {
    const cells = row.map((text, column) =>
      index === 1 ? rule.repeat(widths[column]) : text.padEnd(widths[column]),
    );
    return `| ${cells.join(' | ')} |`;
  });
}
