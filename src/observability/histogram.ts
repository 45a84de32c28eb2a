// A histogram of durations whose buckets suit both short calls and streams that last for days. Counting creates nothing.

import type { MetricLabels, MetricValue } from './metrics-snapshot.ts';

const BOUNDS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28_800,
  86_400, 604_800,
];
/** The upper bounds of the buckets, ascending. There is one bucket more, which has no bound. */
export const BOUNDS_MS: Readonly<Float64Array> = Float64Array.from(
  BOUNDS_SECONDS,
  (seconds) => seconds * 1000,
);

export const BUCKET_COUNT = BOUNDS_MS.length + 1;

export class DurationHistogram {
  /** The number of durations in each bucket, not cumulative. The last bucket has no upper bound. */
  readonly #buckets = new Float64Array(BUCKET_COUNT);
  #sumMs = 0;

  count(durationMs: number): void {
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && durationMs > BOUNDS_MS[bucket]) bucket++;
    this.#buckets[bucket]++;
    this.#sumMs += durationMs;
  }

  /** Adds the number of durations in each bucket to what is in the target from there on. */
  addTo(target: Float64Array, at: number): void {
    for (let bucket = 0; bucket < this.#buckets.length; bucket++)
      target[at + bucket] += this.#buckets[bucket];
  }

  values(labels: MetricLabels): readonly MetricValue[] {
    let count = 0;
    const buckets = Array.from(this.#buckets, (value, index) => {
      count += value;
      const le = index < BOUNDS_MS.length ? BOUNDS_SECONDS[index] : '+Inf';
      return { suffix: '_bucket', labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { suffix: '_sum', labels, value: this.#sumMs / 1000 },
      { suffix: '_count', labels, value: count },
    ];
  }
}
