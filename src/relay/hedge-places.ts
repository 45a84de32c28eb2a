// The places that the attempts of one hedged call have in the retry budget of its upstream. Each attempt beyond the first has one.

import type { Holding } from '../upstreams/holding.ts';
import type { CallTarget } from './snapshot.ts';

/** An attempt. */
export interface Budgeted {
  /** Whether it has a place in the upstream's RetryBudget. */
  isBudgeted: boolean;
}

export class HedgePlaces {
  readonly #upstream: CallTarget;
  /** The client to whose share the places count. */
  #holding: Holding | undefined = undefined;
  /** The next attempt has its place. */
  #isReserved = false;
  /** The next attempt takes the place of one that has none, since it was the first. */
  #isFree = false;
  /** Why the call has no further attempt. '' if none was refused. */
  note = '';

  constructor(upstream: CallTarget) {
    this.#upstream = upstream;
  }

  /** @returns whether the next attempt has a place now, or needs none */
  take(holding: Holding): boolean {
    if (this.#isReserved || this.#isFree) return true;
    this.#holding ??= holding;
    this.#isReserved = this.#upstream.shares.retries.take(this.#holding);
    return this.#isReserved;
  }

  /** @returns whether the upstream's budget allows the next attempt. If not, that is noted. */
  reserve(holding: Holding): boolean {
    if (this.take(holding)) return true;
    this.note = this.#upstream.shares.retries.refuse(this.#upstream.name, holding);
    return false;
  }

  unreserve(): void {
    if (this.#isReserved) this.#give();
    this.#isReserved = false;
  }

  /** The next attempt begins. @returns whether it has a place, which it must leave */
  use(): boolean {
    const isBudgeted = this.#isReserved;
    this.#isReserved = false;
    this.#isFree = false;
    return isBudgeted;
  }

  /** The next attempt takes the place of this one, if it has one. */
  pass(attempt: Budgeted, isRepeat: boolean): void {
    if (attempt.isBudgeted && !this.#isReserved) {
      this.#isReserved = true;
      attempt.isBudgeted = false;
    } else if (isRepeat && !attempt.isBudgeted) this.#isFree = !this.#isReserved;
  }

  /** May be called twice. */
  leave(attempt: Budgeted): void {
    if (attempt.isBudgeted) this.#give();
    attempt.isBudgeted = false;
  }

  #give(): void {
    if (this.#holding !== undefined) this.#upstream.shares.retries.give(this.#holding);
  }
}
