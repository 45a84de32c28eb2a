// So many at once, and some more each second. Reads no clock: whoever asks tells the time.

export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  /** Full. @param nowMs by the clock of all later calls, which does not go back */
  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#atMs = nowMs;
  }

  /** How many are left, with fractions; below 0 after more was spent than there was. */
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

  /** @returns whether there was one to take */
  take(nowMs: number): boolean {
    if (this.left(nowMs) < 1) return false;
    this.#left--;
    return true;
  }

  /** For what has happened already. What is owed is at most a whole burst. */
  spend(nowMs: number, count = 1): void {
    this.#left = Math.max(-this.#burst, this.left(nowMs) - count);
  }
}
