// Keeps every measured time in a growing typed array and computes percentiles by nearest rank, without interpolation or buckets.

import type { Percentiles } from './job.ts';

export class Samples {
  #values = new Float64Array(1024);
  #count = 0;

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(2 * this.#count);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
  }

  sorted(): Float64Array {
    return this.#values.subarray(0, this.#count).toSorted();
  }
}

/** @returns the smallest value such that at least the fraction `share` of all values is not above it; NaN if there are none */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function percentilesOf(samples: Samples): Percentiles {
  const sorted = samples.sorted();
  return {
    count: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    p999Ms: percentile(sorted, 0.999),
    maxMs: percentile(sorted, 1),
  };
}
