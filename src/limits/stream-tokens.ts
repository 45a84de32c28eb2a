// The tokens of one stream, for limits `by: [stream]`. They need no table, and no other process: a stream stays in its process.

import type { Tokens } from '../calls/flow-limits.ts';
import type { Allowance } from './quota-table.ts';

export class StreamTokens implements Tokens {
  readonly #allowance: Allowance;
  readonly #now: () => number;
  #used = 0;
  #atMs: number;

  /** @param now monotonic milliseconds */
  constructor(allowance: Allowance, now: () => number) {
    this.#allowance = allowance;
    this.#now = now;
    this.#atMs = now();
  }

  get burst(): number {
    return this.#allowance.burst;
  }

  take(_key: string, count: number): number {
    const { perMs, burst } = this.#allowance;
    const nowMs = this.#now();
    // The clock may be read a millisecond late.
    if (nowMs > this.#atMs) {
      this.#used = Math.max(0, this.#used - (nowMs - this.#atMs) * perMs);
      this.#atMs = nowMs;
    }
    const excess = this.#used + count - burst;
    // A millionth of a token is an error of adding up.
    if (excess > 1e-6)
      return count > burst ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(excess / perMs));
    this.#used += count;
    return 0;
  }
}
