// What one client uses of one upstream: its places (streams, or HTTP/1.1 connections), and its faults. Kept by ClientShares, which
// alone counts places.

import { TokenBucket } from './token-bucket.ts';

/** How many calls of one client the service may end by stream errors: this many at once, and more each second. */
const FAULTS = 100;
const FAULTS_PER_SECOND = 2;

/** Counts the places; implemented by ClientShares. */
export interface PlaceCount {
  readonly heldCount: number;
  take(holding: Holding): void;
  give(holding: Holding): void;
  holdingOf(key: string, account: PlaceAccount | undefined, speaksForMany: boolean): Holding;
}

/** The owner of the places; implemented by ClientAccount, which says more. */
export interface PlaceAccount {
  held: number;
  abandoned: number;
  takeReset(nowMs: number): boolean;
}

export class Holding {
  readonly shares: PlaceCount;
  /** The client's address as it is counted. */
  readonly key: string;
  /** Undefined when only places are counted. ClientShares sets this while the holding has no place. */
  account: PlaceAccount | undefined;
  /** True for many clients that cannot be told apart: no share is too large. */
  readonly speaksForMany: boolean;
  /** Only ClientShares uses this and `isListed`. */
  held = 0;
  /** How many calls of the client are in a further attempt. Only RetryBudget changes it. */
  retries = 0;
  isListed = false;
  #faults: TokenBucket | undefined = undefined;

  constructor(shares: PlaceCount, key: string, account: PlaceAccount | undefined, speaksForMany: boolean) {
    this.shares = shares;
    this.key = key;
    this.account = account;
    this.speaksForMany = speaksForMany;
  }

  /** Whether no other client holds a place. */
  get isAlone(): boolean {
    return this.held === this.shares.heldCount;
  }

  take(): void {
    if (this.account !== undefined) this.account.held++;
    this.shares.take(this);
  }

  give(): void {
    if (this.account !== undefined) this.account.held--;
    this.shares.give(this);
  }

  /**
   * Moves one place to another PlaceCount.
   * @returns the holding of the same client there
   */
  moveTo(shares: PlaceCount): Holding {
    const other = shares.holdingOf(this.key, this.account, this.speaksForMany);
    this.give();
    other.take();
    return other;
  }

  /**
   * Notes that the service ended calls of the client by stream errors, or closed a connection because of one.
   * @returns true once: for the fault that exceeds the limit
   */
  noteFault(nowMs: number, count: number): boolean {
    if (this.speaksForMany) return false;
    this.#faults ??= new TokenBucket(FAULTS, FAULTS_PER_SECOND, nowMs);
    const wasAtFault = this.isAtFault(nowMs);
    this.#faults.spend(nowMs, count);
    return !wasAtFault && this.isAtFault(nowMs);
  }

  /** Whether any calls of the client were rejected, lately or long ago. */
  get hasFaults(): boolean {
    return this.#faults !== undefined;
  }

  /** Whether so many calls of the client were rejected that no more are sent for now. */
  isAtFault(nowMs: number): boolean {
    return this.#faults !== undefined && this.#faults.left(nowMs) < 1;
  }

  /** Whether the holding has no state that would be lost. */
  isForgettable(nowMs: number): boolean {
    return (
      this.held === 0 && this.retries === 0 && (this.#faults === undefined || this.#faults.isFull(nowMs))
    );
  }
}
