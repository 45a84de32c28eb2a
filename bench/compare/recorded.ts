// Compares the current ratios with those that were recorded under good conditions (bench/recorded.json).

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineDescription } from './machine.ts';
import { type Measurement, ratioTo } from './measurement.ts';

const FILE = join(import.meta.dirname, '../recorded.json');
/** The proxies whose ratios are recorded and checked. */
export const HELD_PEERS: readonly string[] = ['nghttpx', 'nginx'];
/** A ratio may be this many times the recorded one. Machines are noisy, so smaller losses are left to the reader. */
export const MOST_WORSE = 1.6;

export interface Recorded {
  readonly date: string;
  readonly how: string;
  readonly machine: string;
  /** Framegate's figure divided by the peer's, by row and peer. */
  readonly ratios: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface Comparison {
  readonly rowName: string;
  readonly peerName: string;
  readonly recorded: number;
  /** NaN if the ratio could not be measured. */
  readonly now: number;
  readonly isHeld: boolean;
}

export function readRecorded(): Recorded {
  const recorded: Recorded = JSON.parse(readFileSync(FILE, 'utf8'));
  return recorded;
}

export function writeRecorded(
  machine: MachineDescription,
  how: string,
  rowNames: readonly string[],
  measurements: readonly Measurement[],
): void {
  const recorded: Recorded = {
    date: machine.date.slice(0, 10),
    how,
    machine: `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}`,
    ratios: ratiosOf(rowNames, measurements),
  };
  writeFileSync(FILE, `${JSON.stringify(recorded, null, 2)}\n`);
}

function ratiosOf(rowNames: readonly string[], measurements: readonly Measurement[]): Recorded['ratios'] {
  const ratios: Record<string, Record<string, number>> = {};
  for (const rowName of rowNames) {
    for (const peerName of HELD_PEERS) {
      const ratio = ratioTo(peerName, measurements, rowName);
      if (Number.isNaN(ratio))
        throw new Error(`${rowName} beside ${peerName} was not measured: nothing is recorded`);
      ratios[rowName] = { ...ratios[rowName], [peerName]: Number(ratio.toFixed(3)) };
    }
  }
  return ratios;
}

/** A ratio that could not be measured counts as not held. */
export function compareWithRecorded(
  recorded: Recorded,
  measurements: readonly Measurement[],
): readonly Comparison[] {
  return Object.entries(recorded.ratios).flatMap(([rowName, ratios]) =>
    Object.entries(ratios).map(([peerName, ratio]) => {
      const now = ratioTo(peerName, measurements, rowName);
      return { rowName, peerName, recorded: ratio, now, isHeld: now <= ratio * MOST_WORSE };
    }),
  );
}

export function missedRows(recorded: Recorded, measurements: readonly Measurement[]): ReadonlySet<string> {
  const missed = compareWithRecorded(recorded, measurements).filter(({ isHeld }) => !isHeld);
  return new Set(missed.map(({ rowName }) => rowName));
}

/** Replaces the results of rows that were measured again. */
export function withNewer(
  measurements: readonly Measurement[],
  newer: readonly Measurement[],
): readonly Measurement[] {
  const rows = new Set(newer.map(({ rowName }) => rowName));
  return [...measurements.filter(({ rowName }) => !rows.has(rowName)), ...newer];
}

export function comparisonLines(comparisons: readonly Comparison[]): readonly string[] {
  return comparisons.map(({ rowName, peerName, recorded, now, isHeld }) => {
    const actual = Number.isNaN(now) ? 'not measured' : now.toFixed(2);
    const change = Number.isNaN(now) ? '' : ` (${(now / recorded).toFixed(2)} of it, at most ${MOST_WORSE})`;
    return `${isHeld ? 'held  ' : 'FAILED'}  ${rowName.padEnd(12)}${peerName.padEnd(9)}${actual}, recorded ${recorded.toFixed(2)}${change}`;
  });
}
