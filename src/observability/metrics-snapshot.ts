// Metrics as plain data: a snapshot of one process, and how the snapshots of several processes are combined.
// Nothing here counts. A label must not contain what a client can choose freely.

import type { Pace } from './pace.ts';

export type MetricLabels = Readonly<Record<string, string | number>>;

export interface MetricValue {
  /** Or their text, as `labelText` makes it, for who keeps it from one scrape to the next. */
  readonly labels: MetricLabels | string;
  readonly value: number;
}

/** A call whose trace shows what a line is about. */
export interface Exemplar {
  /** What follows the name of the family in the line. */
  readonly key: string;
  /** 32 hex digits. A client may have chosen them. */
  readonly traceId: string;
  /** In the unit of the family. */
  readonly value: number;
  /** When it was, in milliseconds since 1970. */
  readonly atMs: number;
}

/** Lines whose text is kept from one scrape to the next, as that of a histogram. */
export interface MetricBlock {
  /** As in a family: separated by newlines. */
  readonly keys: string;
  readonly values: Float64Array;
  readonly exemplars?: readonly Exemplar[];
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
  /** At most one for each line. Only histograms have them. */
  readonly exemplars?: readonly Exemplar[];
}

export type MetricsSnapshot = readonly MetricFamily[];

/** How many lines are added up in one step. */
const LINES_AT_ONCE = 256;

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

/** @param blocks the lines of each histogram */
export function histogramFamily(name: string, help: string, blocks: readonly MetricBlock[]): MetricFamily {
  const values = new Float64Array(blocks.reduce((sum, block) => sum + block.values.length, 0));
  let at = 0;
  for (const block of blocks) {
    values.set(block.values, at);
    at += block.values.length;
  }
  const exemplars = blocks.flatMap((block) => block.exemplars ?? []);
  const keys = blocks.map((block) => block.keys).join('\n');
  const head = { name, help, type: 'histogram', aggregator: 'sum' } as const;
  return { ...head, keys, values, ...(exemplars.length > 0 && { exemplars }) };
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

function keyOf({ labels }: MetricValue): string {
  const text = typeof labels === 'string' ? labels : labelText(labels);
  return text === '' ? '' : `{${text}}`;
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
  return Array.from(byName(snapshots), (families) => {
    const steps = summing(families);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  });
}

/** Does the same with pauses. */
export async function sumMetricsInTurns(
  snapshots: readonly MetricsSnapshot[],
  pace: Pace,
): Promise<MetricsSnapshot> {
  const sums: MetricFamily[] = [];
  for (const families of byName(snapshots)) {
    const steps = summing(families);
    for (let step = steps.next(); ; step = steps.next()) {
      await pace.rest();
      if (step.done !== true) continue;
      sums.push(step.value);
      break;
    }
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

/** Adds up in steps. @param families of the same name, one or more */
function* summing(families: readonly MetricFamily[]): Generator<undefined, MetricFamily> {
  const [first, ...others] = families;
  // Workers of one configuration mostly have the same lines.
  if (others.every(({ keys, values }) => keys === first.keys && values.length === first.values.length))
    return { ...sumEqual(first, others), ...newestExemplars(families) };
  return { ...(yield* sumDifferent(first, families)), ...newestExemplars(families) };
}

function newestExemplars(families: readonly MetricFamily[]): Pick<MetricFamily, 'exemplars'> {
  const newest = new Map<string, Exemplar>();
  for (const { exemplars = [] } of families)
    for (const one of exemplars) if (one.atMs >= (newest.get(one.key)?.atMs ?? 0)) newest.set(one.key, one);
  return newest.size === 0 ? {} : { exemplars: [...newest.values()] };
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

function* sumDifferent(
  first: MetricFamily,
  families: readonly MetricFamily[],
): Generator<undefined, MetricFamily> {
  const combine = COMBINE[first.aggregator];
  const sums = new Map<string, number>();
  for (const family of families) {
    for (const [index, key] of keysOf(family).entries()) {
      const value = family.values[index];
      if (index % LINES_AT_ONCE === 0) yield;
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
