// Limits how many calls of an upstream are in a further attempt at a time. Retries help against single failures. If everything fails,
// they would multiply the load of an overloaded upstream. While several clients call, each has a share of the budget.

import type { Holding } from './holding.ts';

/**
 * So many are always allowed, as by Envoy's min_retry_concurrency: a share of few calls would be none. A connection that is lost takes all of
 * its calls along, so the three of Envoy are too few: of 16 callers at three services that were killed in turn, nine calls were not retried.
 */
const ALWAYS_ALLOWED = 20;

export class RetryBudget {
  readonly #share: number;
  readonly #countCalls: () => number;
  readonly #hasOthers: (holding: Holding) => boolean;
  /** Called with each attempt that is not granted because the limit is reached. */
  onRefused: () => void = () => undefined;
  /** How many clients have a call in a further attempt. */
  #clients = 0;
  /** How many calls are in a further attempt, or wait for one a short time. */
  active = 0;
  /** How many attempts were not granted. */
  refused = 0;

  /**
   * @param share of all calls, from 0 to 1
   * @param countCalls returns how many calls the upstream has now
   * @param hasOthers returns whether other clients than this one have called lately
   */
  constructor(share: number, countCalls: () => number, hasOthers: (holding: Holding) => boolean) {
    this.#share = share;
    this.#countCalls = countCalls;
    this.#hasOthers = hasOthers;
  }

  get limit(): number {
    return Math.max(ALWAYS_ALLOWED, Math.floor(this.#share * this.#countCalls()));
  }

  /** @returns whether a call may go on to a further attempt. If so, give() must be called when that has come to an end. */
  take(holding: Holding): boolean {
    if (this.active >= this.limit || holding.retries >= this.#shareOf(holding)) return false;
    this.active++;
    if (holding.retries++ === 0) this.#clients++;
    return true;
  }

  /** Who is alone may have all; among several each has its part, at most half. What stands for many clients is not limited. */
  #shareOf(holding: Holding): number {
    if (holding.speaksForMany || !this.#hasOthers(holding)) return Number.POSITIVE_INFINITY;
    const clients = this.#clients + (holding.retries === 0 ? 1 : 0);
    return Math.max(1, Math.floor(this.limit / Math.max(2, clients)));
  }

  give(holding: Holding): void {
    this.active--;
    if (--holding.retries === 0) this.#clients--;
  }

  /** Counts a call that gets no further attempt. @returns why, for its record */
  refuse(upstream: string, holding: Holding): string {
    this.refused++;
    if (this.active < this.limit) {
      return `${holding.retries} calls of this client are retried at upstream ${upstream}, which is its share of ${this.limit} (limits.retries) while other clients call, so the call was not sent again.`;
    }
    this.onRefused();
    const percent = Math.round(this.#share * 100);
    return `Upstream ${upstream} has ${this.active} retries, as many as it may (limits.retries: ${percent}% of ${this.#countCalls()} calls, ${ALWAYS_ALLOWED} at least), so the call was not sent again.`;
  }
}
