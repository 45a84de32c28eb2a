// Which reasons of one outage are told. A server that is down may change its reason with each look; what is told is bounded.

/** Another reason of the same outage is told no sooner after the last. */
const CHANGE_AFTER_MS = 10_000;

export class OutageReason {
  readonly #now: () => number;
  #told: string | undefined = undefined;
  #toldAtMs = 0;

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param reason why the store does not answer now. @returns whether to tell it. It is taken for told then */
  isNews(reason: string): boolean {
    if (reason === this.#told) return false;
    const nowMs = this.#now();
    if (this.#told !== undefined && nowMs - this.#toldAtMs < CHANGE_AFTER_MS) return false;
    this.#told = reason;
    this.#toldAtMs = nowMs;
    return true;
  }

  /** The store answers. The first reason of the next outage is told at once. */
  end(): void {
    this.#told = undefined;
  }
}
