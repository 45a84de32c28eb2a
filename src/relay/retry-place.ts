// The place of one call in the retry budget of its upstream. It is made with the first retry of the call.

import type { Holding } from '../upstreams/holding.ts';
import type { CallTarget } from './snapshot.ts';

/**
 * While a call waits no longer than this for its next attempt, it keeps its place, so that calls which fail together are not all granted
 * a retry. A service may ask for pauses of weeks by pushback; meanwhile the place is for others.
 */
export const LONGEST_HELD_PAUSE_MS = 1000;
/** When a call whose pause is over, and for which there is no place, asks again. */
export const NEXT_TURN_MS = 250;

export class RetryPlace {
  readonly #upstream: CallTarget;
  /** The client to whose share the place counts. Undefined while the call has none. */
  #holding: Holding | undefined = undefined;
  /** Why the call was not sent again. '' if it was. */
  note = '';

  constructor(upstream: CallTarget) {
    this.#upstream = upstream;
  }

  /** @returns whether the call has a place now */
  take(holding: Holding): boolean {
    if (this.#holding === undefined && this.#upstream.shares.retries.take(holding)) this.#holding = holding;
    return this.#holding !== undefined;
  }

  /**
   * Takes a place for another attempt, and gives it back for a long pause.
   * @returns false if there is none, which is then noted
   */
  grant(holding: Holding, pauseMs: number): boolean {
    if (!this.take(holding)) {
      this.note = this.#upstream.shares.retries.refuse(this.#upstream.name, holding);
      return false;
    }
    if (pauseMs > LONGEST_HELD_PAUSE_MS) this.leave();
    return true;
  }

  /** May be called twice. */
  leave(): void {
    if (this.#holding !== undefined) this.#upstream.shares.retries.give(this.#holding);
    this.#holding = undefined;
  }
}
