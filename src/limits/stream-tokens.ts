// The tokens of one stream, for limits `by: [stream]`. They need no table, and no other process: a stream stays in its process.

import type { AnnouncedTokens, Tokens } from '../calls/flow-limits.ts';
import { AnnouncedMessage, type AnnouncedSum } from './announced-tokens.ts';
import type { Allowance } from './quota-table.ts';

export class StreamTokens implements Tokens, AnnouncedSum<undefined> {
  readonly #allowance: Allowance;
  readonly #now: () => number;
  #used = 0;
  /** How much of it was taken for bytes that have not come. */
  #announced = 0;
  /** How much of it time had brought back before it was announced again. */
  #addedAgain = 0;
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

  get perMs(): number {
    return this.#allowance.perMs;
  }

  get nowMs(): number {
    return this.#now();
  }

  take(_key: string, count: number): number {
    const { perMs, burst } = this.#allowance;
    this.#settle();
    const excess = this.#used + count - burst;
    // A millionth of a token is an error of adding up.
    if (excess > 1e-6)
      return count > burst ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(excess / perMs));
    this.#used += count;
    return 0;
  }

  #settle(): void {
    const nowMs = this.#now();
    // The clock may be read a millisecond late.
    if (nowMs <= this.#atMs) return;
    const used = this.#used - (nowMs - this.#atMs) * this.#allowance.perMs;
    this.#used = Math.max(this.#announced, used);
    this.#atMs = nowMs;
  }

  announce(_key: string, count: number): AnnouncedTokens {
    this.#settle();
    this.#announced += count;
    this.#used = Math.max(this.#used, this.#announced);
    return new AnnouncedMessage(this, undefined, count);
  }

  came(_of: undefined, count: number): void {
    this.#settle();
    this.#announced -= count;
    const off = Math.min(this.#addedAgain, count);
    this.#addedAgain -= off;
    this.unused(undefined, off);
  }

  missed(_of: undefined, count: number): void {
    this.#settle();
    this.#announced -= count;
    this.unused(undefined, count);
  }

  owedAgain(_of: undefined, count: number): undefined {
    this.#settle();
    this.#announced += count;
    const added = this.#announced - this.#used;
    if (added <= 0) return;
    this.#used = this.#announced;
    this.#addedAgain += added;
  }

  unused(_of: undefined, count: number): void {
    this.#settle();
    this.#used = Math.max(this.#announced, this.#used - count);
  }
}
