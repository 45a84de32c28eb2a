// A token bucket: it allows a burst at once, and some more each second. It reads no clock: the caller passes the time.

export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  /**
   * Creates a full bucket.
   * @param nowMs the time, by the monotonic clock that is used in all later calls
   */
  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#atMs = nowMs;
  }

  /** How many tokens are left, with fractions. Below 0 after more were spent than there were. */
  left(nowMs: number): number {
    this.#left = Math.min(
      this.#burst,
      this.#left + (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1000,
    );
    this.#atMs = nowMs;
    return this.#left;
  }

  isFull(nowMs: number): boolean {
    return this.left(nowMs) >= this.#burst;
  }

  /**
   * Takes one token.
   * @returns whether there was one to take
   */
  take(nowMs: number): boolean {
    if (this.left(nowMs) < 1) return false;
    this.#left--;
    return true;
  }

  /** Spends tokens for what has already happened. The debt is at most one whole burst. */
  spend(nowMs: number, count = 1): void {
    this.#left = Math.max(-this.#burst, this.left(nowMs) - count);
  }
}
