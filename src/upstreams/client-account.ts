// What is kept of a client for as long as it is here, and a while longer where it has something to answer for: what it does to
// the connections that it shares with others. Kept by address, as one host may have many connections.

import type { Holding, PlaceAccount, PlaceCount } from './holding.ts';
import { TokenBucket } from './token-bucket.ts';

/** Calls given up before they were over that are reset at once on connections of others too. */
const RESETS = 50;
const RESETS_PER_SECOND = 2;
/** Calls given up that may run on unread at the same time; with more, no other call is begun. */
export const MOST_ABANDONED = 1024;

export class ClientAccount implements PlaceAccount {
  /** The address as it is counted; '' of clients that have none. */
  readonly key: string;
  /** Behind it are many clients that are not told apart, as behind a balancer: nothing is limited by client. */
  readonly speaksForMany: boolean;
  /** Connections and calls of the client; for ClientAccounts alone. */
  references = 0;
  /** Places that it has, of all upstreams; for Holding alone. */
  held = 0;
  /** Calls that were given up and that their services still run. */
  abandoned = 0;
  #resets: TokenBucket | undefined = undefined;
  /** Where it called last. */
  #shares: PlaceCount | undefined = undefined;
  #holding: Holding | undefined = undefined;
  /** Made for the second upstream that it calls. */
  #others: WeakMap<PlaceCount, Holding> | undefined = undefined;

  constructor(key: string, speaksForMany: boolean) {
    this.key = key;
    this.speaksForMany = speaksForMany;
  }

  /** What it has of an upstream. */
  holdingIn(shares: PlaceCount): Holding {
    if (this.#shares === shares && this.#holding !== undefined) return this.#holding;
    if (this.#shares !== undefined && this.#holding !== undefined) {
      this.#others ??= new WeakMap();
      this.#others.set(this.#shares, this.#holding);
    }
    const holding = this.#others?.get(shares) ?? shares.holdingOf(this.key, this, this.speaksForMany);
    this.#shares = shares;
    this.#holding = holding;
    return holding;
  }

  /** @returns whether one more call may be reset now that others share a connection with */
  takeReset(nowMs: number): boolean {
    if (this.speaksForMany) return true;
    this.#resets ??= new TokenBucket(RESETS, RESETS_PER_SECOND, nowMs);
    return this.#resets.take(nowMs);
  }

  /** So many calls that it gave up still run that it may begin no other. */
  get hasAbandonedTooMany(): boolean {
    return this.abandoned >= MOST_ABANDONED && !this.speaksForMany;
  }

  /** Its client is here, or a call of it. */
  get isInUse(): boolean {
    return this.references > 0 || this.held > 0;
  }

  /** Nothing would be lost with it. */
  isForgettable(nowMs: number): boolean {
    return !this.isInUse && this.#resets?.isFull(nowMs) !== false;
  }
}
