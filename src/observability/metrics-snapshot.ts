// Metrics as plain data: a snapshot of one process, and how the snapshots of several processes are combined.
// Nothing here counts. A label must not contain what a client can choose freely.

export type MetricLabels = Readonly<Record<string, string | number>>;

export interface MetricValue {
  readonly labels: MetricLabels;
  readonly value: number;
  /** The name of a histogram's line, which differs from the name of its family. */
  readonly metricName?: string;
}

/** All values of one metric. Structured clone and JSON preserve it. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** How the values of several processes are combined. */
  readonly aggregator: 'sum' | 'min' | 'max';
  readonly values: readonly MetricValue[];
}

export type MetricsSnapshot = readonly MetricFamily[];

export function counterFamily(name: string, help: string, values: readonly MetricValue[]): MetricFamily {
  return { name, help, type: 'counter', aggregator: 'sum', values };
}

export function gaugeFamily(
  name: string,
  help: string,
  values: readonly MetricValue[],
  aggregator: MetricFamily['aggregator'] = 'sum',
): MetricFamily {
  return { name, help, type: 'gauge', aggregator, values };
}

/** @returns the one value of a metric without labels */
export function single(value: number): readonly MetricValue[] {
  return [{ labels: {}, value }];
}

/** Combines snapshots. Families and values are in the order of their first appearance. */
export function sumMetrics(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  if (snapshots.length === 1) return snapshots[0];
  const sums = new Map<string, FamilySum>();
  for (const family of snapshots.flat()) {
    let sum = sums.get(family.name);
    if (sum === undefined) {
      sum = new FamilySum(family);
      sums.set(family.name, sum);
    }
    for (const value of family.values) sum.add(value);
  }
  return Array.from(sums.values(), (sum) => sum.family);
}

/** Reduces the snapshot of a process that has ended: its counters remain valid, its gauges do not. */
export function withoutGauges(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter(({ type }) => type !== 'gauge');
}

class FamilySum {
  readonly #family: MetricFamily;
  readonly #values = new Map<string, { labels: MetricLabels; value: number; metricName?: string }>();

  constructor(family: MetricFamily) {
    this.#family = family;
  }

  get family(): MetricFamily {
    return { ...this.#family, values: [...this.#values.values()] };
  }

  add(added: MetricValue): void {
    // All processes run the same code, so labels are in the same order and the text is a valid key.
    const key = JSON.stringify([added.metricName, added.labels]);
    const known = this.#values.get(key);
    if (known === undefined) this.#values.set(key, { ...added });
    else known.value = COMBINE[this.#family.aggregator](known.value, added.value);
  }
}

const COMBINE: Readonly<Record<MetricFamily['aggregator'], (one: number, other: number) => number>> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
};
