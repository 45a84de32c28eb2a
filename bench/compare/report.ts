// Writes the result for other programs (JSON) and for readers (docs/benchmarks): table, charts, machine.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MachineDescription, machineLines } from './machine.ts';
import { figureOf, type Measurement, median } from './measurement.ts';
import { overviewCharts } from './overview-chart.ts';
import { chart, type Panel } from './svg-chart.ts';
import { tableLines } from './table.ts';
import { type TargetResult, targetLines } from './targets.ts';
import type { Row } from './workloads.ts';

export interface Report {
  readonly machine: MachineDescription;
  readonly rows: readonly Row[];
  readonly peerNames: readonly string[];
  readonly measurements: readonly Measurement[];
  readonly targets: readonly TargetResult[];
  /** Sentences about missing peers. */
  readonly missing: readonly string[];
}

const CHARTS = [
  { file: 'calls', headline: 'CPU per unary call', rows: ['small', 'single', 'medium', 'large'] },
  { file: 'no-log', headline: 'CPU per unary call, access logs off', rows: ['small-no-log'] },
  { file: 'streams', headline: 'CPU of streams', rows: ['voice-200', 'voice-1000', 'download'] },
  {
    file: 'round-trips',
    headline: 'Round trips',
    rows: ['voice-200-p50', 'voice-200-p99', 'voice-200-p999', 'latency-p50', 'latency-p99', 'latency-p999'],
  },
  {
    file: 'connections',
    headline: 'CPU where nothing is remembered',
    rows: ['handshake', 'first-calls', 'metadata', 'traced'],
  },
  {
    file: 'memory',
    headline: 'Memory of what is idle',
    rows: ['idle-100x100', 'idle-1x2000', 'idle-connections', 'idle-1000x1'],
  },
  {
    file: 'growth',
    headline: 'CPU per call beside open streams, and with two workers',
    rows: ['growth-10', 'growth-10000', 'one-worker', 'two-workers'],
  },
  { file: 'bridge', headline: 'CPU per HTTP/1.1 request', rows: ['bridge', 'bridge-http2'] },
] as const;

export function jsonOf({ machine, rows, measurements, targets, missing }: Report): string {
  const report = {
    ...machine,
    missing,
    rows: rows.map((row) => ({
      ...row,
      measurements: measurements
        .filter(({ rowName }) => rowName === row.name)
        .map(({ peerName, samples, problems }) => ({
          peerName,
          median: median(samples),
          // The rate that one core achieves if it does nothing else.
          ...(row.unit.startsWith('µs CPU') ? { perCpuSecond: Math.round(1e6 / median(samples)) } : {}),
          samples,
          problems,
        })),
    })),
    targets,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

export function writeReport(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'results.json'), jsonOf(report));
  for (const { file, svg } of overviewCharts(folder)) writeFileSync(join(folder, file), svg);
  const charts = chartsOf(report);
  for (const { file, svg } of charts) writeFileSync(join(folder, `${file}.svg`), svg);
  writeFileSync(join(folder, 'README.md'), pageOf(report, charts));
}

function chartsOf({ rows, peerNames, measurements, machine }: Report) {
  const foot = `${machine.date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores; less is better`;
  return CHARTS.flatMap(({ file, headline, rows: wanted }) => {
    const panels = wanted
      .map((name) => rows.find((row) => row.name === name))
      .filter((row) => row !== undefined)
      .map((row): Panel => ({ ...row, bars: barsOf(row, peerNames, measurements) }))
      .filter(({ bars }) => bars.length > 0);
    return panels.length === 0 ? [] : [{ file, headline, svg: chart(headline, foot, panels, 'framegate') }];
  });
}

function barsOf({ name }: Row, peerNames: readonly string[], measurements: readonly Measurement[]) {
  return peerNames
    .map((label) => ({ label, value: figureOf(measurements, name, label) }))
    .filter(({ value }) => !Number.isNaN(value));
}

function pageOf(
  report: Report,
  charts: readonly { readonly file: string; readonly headline: string }[],
): string {
  const { rows, peerNames, measurements, machine, targets, missing } = report;
  return [
    '# Framegate beside other proxies',
    '',
    '`npm run bench -- --write` writes this page. [bench/README.md](../../bench/README.md) says what is measured and how,',
    'and [docs/performance.md](../performance.md) explains the figures. The number in brackets is the figure divided by Framegate’s: above 1,',
    'Framegate is cheaper. A dash means that no run was without errors.',
    '',
    ...charts.map(({ file, headline }) => `![${headline}](${file}.svg)\n`),
    ...tableLines(rows, peerNames, measurements),
    '',
    '```',
    ...machineLines(machine),
    ...missing.map((sentence) => `missing     ${sentence}`),
    '```',
    '',
    'The targets: Framegate’s figure divided by the other’s.',
    '',
    '```',
    ...targetLines(targets),
    '```',
    '',
  ].join('\n');
}
