// What a process lets pass of a limit by its own share of it, while the store that counts does not answer.

import { GIVE_UP_MS, type Lease } from './lease.ts';
import type { LeaseTerms } from './lease-terms.ts';

/** What a share needs to know of the store. */
export interface ShareLink {
  readonly isUp: boolean;
  /** How many processes share the limits of the store. */
  readonly holders: number;
  /** Which outage this is, or how many there have been. */
  readonly outage: number;
}

export class LocalShare {
  /** How many processes have a share. */
  readonly holders: number;
  readonly #link: ShareLink;
  readonly #intervalMs: number;
  readonly #burst: number;
  /** How much one message may announce. */
  readonly #mostAnnounced: number;

  constructor({ ratePerSecond, burst }: LeaseTerms, link: ShareLink) {
    const { holders } = link;
    this.holders = holders;
    this.#link = link;
    this.#mostAnnounced = burst;
    this.#intervalMs = (1000 * holders) / ratePerSecond;
    this.#burst = Math.max(1, burst / holders);
  }

  /** In how many milliseconds all of it comes back. */
  get fullAfterMs(): number {
    return this.#burst * this.#intervalMs;
  }

  /** @param room how many tokens the store has. @returns 0 if the tokens were there, otherwise in how many milliseconds they will be */
  take(lease: Lease, count: number, room: number, nowMs: number): number {
    this.#begin(lease, room, nowMs);
    this.settle(lease, nowMs);
    const paidAtMs = Math.max(lease.paidAtMs, nowMs);
    // What is more than the share can have at once passes when all of the share is there, and is paid afterwards.
    const waitMs = paidAtMs - nowMs - Math.max(0, this.#burst - count) * this.#intervalMs;
    if (waitMs > 0.001) return waitMs;
    lease.paidAtMs = paidAtMs + count * this.#intervalMs;
    // A store that is late goes on granting, and is told what has passed meanwhile. One that is gone has nobody to ask.
    if (this.#link.isUp) lease.owed = Math.max(lease.owed, this.bounded(lease.owed + count));
    return 0;
  }

  giveBack(lease: Lease, count: number): void {
    lease.paidAtMs -= count * this.#intervalMs;
    // A store that is late would be told of it.
    if (this.#link.isUp) lease.owed = Math.max(0, lease.owed - count);
  }

  /** What was taken for bytes that have not come has not begun to come back. A reload may have made the burst smaller than that. */
  settle(lease: Lease, nowMs: number): void {
    const announced = Math.min(lease.announced?.tokens ?? 0, this.#mostAnnounced);
    if (announced > 0) lease.paidAtMs = Math.max(lease.paidAtMs, nowMs + announced * this.#intervalMs);
  }

  /** So much the share brings until a question is given up. More is not told to the store: a long debt would outlast the fault. */
  bounded(owed: number): number {
    return Math.min(owed, this.#burst + GIVE_UP_MS / this.#intervalMs);
  }

  /** The share begins with this process's part of what the store had left. */
  #begin(lease: Lease, room: number, nowMs: number): void {
    const { outage } = this.#link;
    if (lease.outage === outage) return;
    lease.outage = outage;
    const left = Math.min(this.#burst, room / this.holders);
    // What was spent in an earlier outage is still spent: the store was not told of it, and may have been back for a moment only.
    lease.paidAtMs = Math.max(lease.paidAtMs, nowMs + (this.#burst - left) * this.#intervalMs);
  }
}
