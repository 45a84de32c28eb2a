// Reads the tables of docs/metrics.md.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const metricsPage = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');

export interface DocumentedMetric {
  readonly type: string;
  readonly labels: readonly string[];
}

/** By name. Rows of the tables have names, type, labels; behind a colon stand values of a label. */
export function documentedMetrics(): ReadonlyMap<string, DocumentedMetric> {
  const rows = new Map<string, DocumentedMetric>();
  for (const line of metricsPage.split('\n')) {
    const [, names = '', type = '', labelCell = ''] = line.split('|').map((cell) => cell.trim());
    if (!/^`(framegate|process)_/.test(names)) continue;
    const labels = labelCell.split(';').flatMap((part) => wordsOf(part.split(':')[0]));
    for (const name of wordsOf(names)) rows.set(name, { type: type.split(',')[0], labels });
  }
  return rows;
}

function wordsOf(cell: string): readonly string[] {
  return Array.from(cell.matchAll(/`([a-z0-9_]+)`/g), ([, word]) => word);
}
