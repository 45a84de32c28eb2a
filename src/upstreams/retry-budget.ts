// Limits how many calls of an upstream are in a further attempt at a time. Retries help against single failures. If everything fails,
// they would multiply the load of an upstream that cannot bear what it has.

/**
 * So many are always allowed, as by Envoy's min_retry_concurrency: a share of few calls would be none. A connection that is lost takes all of
 * its calls along, so the three of Envoy are too few: of 16 callers at three services that were killed in turn, nine calls were not retried.
 */
const ALWAYS_ALLOWED = 20;

export class RetryBudget {
  readonly #share: number;
  readonly #countCalls: () => number;
  /** Called with each attempt that is not granted. */
  onRefused: () => void = () => undefined;
  /** How many calls are in a further attempt, or wait for one. */
  active = 0;
  /** How many attempts were not granted. */
  refused = 0;

  /**
   * @param share of all calls, from 0 to 1
   * @param countCalls returns how many calls the upstream has now
   */
  constructor(share: number, countCalls: () => number) {
    this.#share = share;
    this.#countCalls = countCalls;
  }

  get limit(): number {
    return Math.max(ALWAYS_ALLOWED, Math.floor(this.#share * this.#countCalls()));
  }

  /** @returns whether a call may go on to a further attempt. If so, give() must be called when it has ended. */
  take(): boolean {
    if (this.active >= this.limit) {
      this.refused++;
      this.onRefused();
      return false;
    }
    this.active++;
    return true;
  }

  give(): void {
    this.active--;
  }

  /** Why a call gets no further attempt, for its record. */
  whyRefused(upstream: string): string {
    const percent = Math.round(this.#share * 100);
    return `Upstream ${upstream} has ${this.active} retries, as many as it may (limits.retries: ${percent}% of ${this.#countCalls()} calls, ${ALWAYS_ALLOWED} at least), so the call was not sent again.`;
  }
}
