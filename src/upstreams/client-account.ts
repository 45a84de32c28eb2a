// What is known of a client while it is connected, and for longer if it has used up resets: how its calls affect the connections that it
// shares with others. Accounts are kept by address, because one host may have many connections.

import type { Holding, PlaceAccount, PlaceCount } from './holding.ts';
import { TokenBucket } from './token-bucket.ts';

/** How many cancelled calls of one client may be reset at once on connections shared with others. */
const RESETS = 50;
const RESETS_PER_SECOND = 2;
/**
 * How many cancelled calls of one client may still run unread at the same time. While there are as many, the client may begin no
 * other call.
 */
export const MOST_ABANDONED = 1024;

export class ClientAccount implements PlaceAccount {
  /** The client's address as it is counted, or '' when it has none. */
  readonly key: string;
  /** True for many clients that cannot be told apart, for example behind a load balancer. Limits per client do not apply. */
  readonly speaksForMany: boolean;
  /** How many connections of the client use the account. Only ClientAccounts changes this. */
  references = 0;
  /** How many places the client holds, of all upstreams. Only Holding changes this. */
  held = 0;
  /** How many cancelled calls of the client are still run by their services. */
  abandoned = 0;
  #resets: TokenBucket | undefined = undefined;
  /** The upstream that the client called last, by its PlaceCount. */
  #shares: PlaceCount | undefined = undefined;
  #holding: Holding | undefined = undefined;
  /** The holdings in other upstreams. Allocated when the client calls a second one. */
  #others: WeakMap<PlaceCount, Holding> | undefined = undefined;

  constructor(key: string, speaksForMany: boolean) {
    this.key = key;
    this.speaksForMany = speaksForMany;
  }

  /** The client's holding in an upstream. */
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

  /** @returns whether one more call of the client may be reset now on a connection that it shares with others */
  takeReset(nowMs: number): boolean {
    if (this.speaksForMany) return true;
    this.#resets ??= new TokenBucket(RESETS, RESETS_PER_SECOND, nowMs);
    return this.#resets.take(nowMs);
  }

  /** True when so many of its cancelled calls still run that the client may begin no other. */
  get hasAbandonedTooMany(): boolean {
    return this.abandoned >= MOST_ABANDONED && !this.speaksForMany;
  }

  /** Whether the client has a connection or a call. */
  get isInUse(): boolean {
    return this.references > 0 || this.held > 0;
  }

  /** Whether the account holds no state that would be lost. */
  isForgettable(nowMs: number): boolean {
    return !this.isInUse && this.#resets?.isFull(nowMs) !== false;
  }
}
