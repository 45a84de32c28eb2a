// The leases of one limit in this process, by key. Their number is bounded, whatever clients send: there are two generations, and those
// that nobody has used for a whole generation are forgotten. Finding one writes nothing.

import type { Lease } from './lease.ts';

/** In both generations together, for each limit. */
export const MOST_LEASES = 16_384;

export class LeaseTable {
  readonly #most: number;
  #young = new Map<string, Lease>();
  #old = new Map<string, Lease>();
  /** When leases were forgotten last. */
  forgottenAtMs = Number.NEGATIVE_INFINITY;

  constructor(most = MOST_LEASES) {
    this.#most = most;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  *leases(): Iterable<Lease> {
    yield* this.#young.values();
    yield* this.#old.values();
  }

  /** Finds only what was used in this generation. */
  findYoung(key: string): Lease | undefined {
    return this.#young.get(key);
  }

  find(key: string, nowMs: number): Lease | undefined {
    return this.#young.get(key) ?? this.#findOld(key, nowMs);
  }

  #findOld(key: string, nowMs: number): Lease | undefined {
    const lease = this.#old.get(key);
    if (lease === undefined) return undefined;
    this.#old.delete(key);
    this.add(lease, nowMs);
    return lease;
  }

  /** What a forgotten lease owes is not lost where it waits for the next question, which still holds it. */
  add(lease: Lease, nowMs: number): void {
    this.#young.set(lease.key, lease);
    if (this.#young.size < this.#most / 2) return;
    if (this.#old.size > 0) this.forgottenAtMs = nowMs;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
