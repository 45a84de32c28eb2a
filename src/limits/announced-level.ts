// How much one process has announced of a key that a store counts for. In the store, all that is used up goes back with time. So each question
// tells it how much of that must still be used up.

export class AnnouncedLevel {
  /** Tokens that were taken for bytes that have not come. */
  tokens = 0;
  /**
   * How much would be used up if nothing else was: these tokens, and what has come and not gone back with time. It is less than these only
   * after a reload has made the burst smaller.
   */
  #level = 0;
  #atMs = 0;
  /** How much of it time had brought back before it was announced again. */
  #addedAgain = 0;

  /** @param perMs how much goes back with time. @returns how much is used up at least */
  at(nowMs: number, perMs: number): number {
    if (nowMs > this.#atMs) {
      this.#lower((nowMs - this.#atMs) * perMs);
      this.#atMs = nowMs;
    }
    return this.#level;
  }

  #lower(count: number): void {
    this.#level = Math.max(Math.min(this.#level, this.tokens), this.#level - count);
  }

  announce(count: number, nowMs: number, perMs: number): void {
    this.#level = this.at(nowMs, perMs) + count;
    this.tokens += count;
  }

  /** So many were announced before, and were spent meanwhile. */
  announceAgain(count: number, nowMs: number, perMs: number): void {
    const level = this.at(nowMs, perMs);
    const isWhole = level >= this.tokens;
    this.tokens += count;
    if (!isWhole || level >= this.tokens) return;
    this.#addedAgain += this.tokens - level;
    this.#level = this.tokens;
  }

  came(count: number, nowMs: number, perMs: number): void {
    this.at(nowMs, perMs);
    this.tokens -= count;
    const off = Math.min(this.#addedAgain, count);
    this.#addedAgain -= off;
    this.#lower(off);
  }

  missed(count: number, nowMs: number, perMs: number): void {
    this.at(nowMs, perMs);
    this.tokens -= count;
    this.#lower(count);
  }

  /** A bucket of this size is not more than empty, whatever was announced before. @param perMs what held until now */
  change(burst: number, nowMs: number, perMs: number): void {
    const excess = this.at(nowMs, perMs) - burst;
    if (excess <= 0) return;
    this.#level = burst;
    this.#addedAgain = Math.max(0, this.#addedAgain - excess);
  }
}
