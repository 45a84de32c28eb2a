// Metrics as plain data: what one process knows at a moment, and how what several processes know is put together.
// Nothing here counts; no label may hold what a client can choose freely.

export type MetricLabels = Readonly<Record<string, string | number>>;

export interface MetricValue {
  readonly labels: MetricLabels;
  readonly value: number;
  /** Of the lines of a histogram, which are called otherwise than their family. */
  readonly metricName?: string;
}

/** All values of one name. It goes through structured clone and through JSON as it is. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** How the values of several processes become one. */
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

/** The only value of a name without labels. */
export function single(value: number): readonly MetricValue[] {
  return [{ labels: {}, value }];
}

/** Families in the order of their first appearance, values likewise. */
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

/** Of a process that has ended: what it has counted stays true, what it held is gone. */
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
    // Every process writes labels in the same order: they come from the same code.
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
