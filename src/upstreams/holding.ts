// What one client has of one upstream: places (streams, or connections of HTTP/1.1), and what it has made the upstream
// complain of. Kept by ClientShares, which alone counts places.

import { TokenBucket } from './token-bucket.ts';

/** Calls that the service answered by stream errors, of one client address: so many at once, and more each second. */
const FAULTS = 100;
const FAULTS_PER_SECOND = 2;

/**
 * Clients that have no address, as those of a unix socket, and those of a trusted peer that names none, have the key ''. They
 * are many that are not told apart, and count as one.
 */
export function isKeyOfMany(key: string): boolean {
  return key === '';
}

/** Who counts the places: ClientShares. */
export interface PlaceCount {
  readonly heldCount: number;
  take(holding: Holding): void;
  give(holding: Holding): void;
  holdingOf(key: string, account: PlaceAccount | undefined, speaksForMany: boolean): Holding;
}

/** Whose they are: ClientAccount, which says more of it. */
export interface PlaceAccount {
  held: number;
  abandoned: number;
  takeReset(nowMs: number): boolean;
}

export class Holding {
  readonly shares: PlaceCount;
  /** The client's address as it is counted. */
  readonly key: string;
  /** Undefined where only places are counted. Set by ClientShares, while it holds no place. */
  account: PlaceAccount | undefined;
  /** Behind it are many clients that are not told apart: no share is too large. */
  readonly speaksForMany: boolean;
  /** For ClientShares alone, as `isListed`. */
  held = 0;
  isListed = false;
  #faults: TokenBucket | undefined = undefined;

  constructor(shares: PlaceCount, key: string, account: PlaceAccount | undefined, speaksForMany: boolean) {
    this.shares = shares;
    this.key = key;
    this.account = account;
    this.speaksForMany = speaksForMany;
  }

  /** Nobody else has a place. */
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

  /** One place goes over to another count. @returns what the same client has there, with that place */
  moveTo(shares: PlaceCount): Holding {
    const other = shares.holdingOf(this.key, this.account, this.speaksForMany);
    this.give();
    other.take();
    return other;
  }

  /**
   * The service has answered a call of the client's by a stream error, or gave up the connection for it.
   * @returns true once: for the fault that makes it too many
   */
  noteFault(nowMs: number, count: number): boolean {
    if (this.speaksForMany) return false;
    this.#faults ??= new TokenBucket(FAULTS, FAULTS_PER_SECOND, nowMs);
    const wasAtFault = this.isAtFault(nowMs);
    this.#faults.spend(nowMs, count);
    return !wasAtFault && this.isAtFault(nowMs);
  }

  /** Some of its calls were answered so, lately or long ago. */
  get hasFaults(): boolean {
    return this.#faults !== undefined;
  }

  /** Too many of its calls were answered so: no more of them are sent for the moment. */
  isAtFault(nowMs: number): boolean {
    return this.#faults !== undefined && this.#faults.left(nowMs) < 1;
  }

  /** Nothing would be lost with it. */
  isForgettable(nowMs: number): boolean {
    return this.held === 0 && (this.#faults === undefined || this.#faults.isFull(nowMs));
  }
}
