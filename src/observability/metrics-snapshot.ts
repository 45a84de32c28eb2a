// Metrics as plain data: a snapshot of one process, and how the snapshots of several processes are combined.
// Nothing here counts. A label must not contain what a client can choose freely.

import type { Pace } from './pace.ts';

export type MetricLabels = Readonly<Record<string, string | number>>;

export interface MetricValue {
  /** Or their text, as `labelText` makes it, for who keeps it from one scrape to the next. */
  readonly labels: MetricLabels | string;
  readonly value: number;
  /** What follows the name of a histogram's family in the name of this line, for example '_sum'. */
  readonly suffix?: string;
}

/**
 * All values of one metric. An upstream may have thousands of endpoints, each with a dozen lines, so the labels are text from the beginning
 * on: it is the key by which processes are added up, and a part of the line that is sent. Structured clone preserves it, and copies the text
 * of a family as a whole.
 */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** How the values of several processes are combined. */
  readonly aggregator: 'sum' | 'min' | 'max';
  /** What follows the name of the family in each line, for example `{route="a"}`: separated by newlines, as many as there are values. */
  readonly keys: string;
  readonly values: Float64Array;
}

export type MetricsSnapshot = readonly MetricFamily[];

type FamilyHead = Omit<MetricFamily, 'keys' | 'values'>;

export function counterFamily(name: string, help: string, values: readonly MetricValue[]): MetricFamily {
  return familyOf({ name, help, type: 'counter', aggregator: 'sum' }, values);
}

export function gaugeFamily(
  name: string,
  help: string,
  values: readonly MetricValue[],
  aggregator: MetricFamily['aggregator'] = 'sum',
): MetricFamily {
  return familyOf({ name, help, type: 'gauge', aggregator }, values);
}

export function histogramFamily(name: string, help: string, values: readonly MetricValue[]): MetricFamily {
  return familyOf({ name, help, type: 'histogram', aggregator: 'sum' }, values);
}

function familyOf(head: FamilyHead, values: readonly MetricValue[]): MetricFamily {
  return {
    ...head,
    keys: values.map(keyOf).join('\n'),
    values: Float64Array.from(values, ({ value }) => value),
  };
}

/** @returns the one value of a metric without labels */
export function single(value: number): readonly MetricValue[] {
  return [{ labels: {}, value }];
}

function keyOf({ labels, suffix = '' }: MetricValue): string {
  const text = typeof labels === 'string' ? labels : labelText(labels);
  return text === '' ? suffix : `${suffix}{${text}}`;
}

/** @returns for example `upstream="a",endpoint="b"` */
export function labelText(labels: MetricLabels): string {
  let text = '';
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escaped(String(labels[name]))}"`;
  return text;
}

const SPECIAL = /[\\"\n]/g;

function escaped(text: string): string {
  if (text.search(SPECIAL) === -1) return text;
  return text.replaceAll(SPECIAL, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** @returns the keys of a family, as many as it has values */
export function keysOf({ keys, values }: MetricFamily): readonly string[] {
  return values.length === 0 ? [] : keys.split('\n');
}

/** Combines snapshots. Families and values are in the order of their first appearance. */
export function sumMetrics(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  return Array.from(byName(snapshots), sumFamilies);
}

/** Does the same with pauses. */
export async function sumMetricsInTurns(
  snapshots: readonly MetricsSnapshot[],
  pace: Pace,
): Promise<MetricsSnapshot> {
  const sums: MetricFamily[] = [];
  for (const families of byName(snapshots)) {
    sums.push(sumFamilies(families));
    await pace.rest();
  }
  return sums;
}

function byName(snapshots: readonly MetricsSnapshot[]): Iterable<readonly MetricFamily[]> {
  return Map.groupBy(snapshots.flat(), ({ name }) => name).values();
}

/** Reduces the snapshot of a process that has ended: its counters remain valid, its gauges do not. */
export function withoutGauges(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter(({ type }) => type !== 'gauge');
}

/** @param families of the same name, one or more */
function sumFamilies(families: readonly MetricFamily[]): MetricFamily {
  const [first, ...others] = families;
  // Workers of one configuration mostly have the same lines.
  if (others.every(({ keys, values }) => keys === first.keys && values.length === first.values.length))
    return sumEqual(first, others);
  return sumDifferent(first, families);
}

function sumEqual(first: MetricFamily, others: readonly MetricFamily[]): MetricFamily {
  if (others.length === 0) return first;
  const combine = COMBINE[first.aggregator];
  const values = first.values.slice();
  for (const other of others)
    for (let index = 0; index < values.length; index++)
      values[index] = combine(values[index], other.values[index]);
  return { ...first, values };
}

function sumDifferent(first: MetricFamily, families: readonly MetricFamily[]): MetricFamily {
  const combine = COMBINE[first.aggregator];
  const sums = new Map<string, number>();
  for (const family of families) {
    for (const [index, key] of keysOf(family).entries()) {
      const value = family.values[index];
      const known = sums.get(key);
      sums.set(key, known === undefined ? value : combine(known, value));
    }
  }
  return { ...first, keys: [...sums.keys()].join('\n'), values: Float64Array.from(sums.values()) };
}

const COMBINE: Readonly<Record<MetricFamily['aggregator'], (one: number, other: number) => number>> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
};
