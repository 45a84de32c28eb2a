// What one process has announced of a key that a store counts for. The store lets all that is used up go back with time, and so is told with
// each question how much of it must still be used up.

export class AnnouncedLevel {
  /** Tokens that were taken for bytes that have not come. */
  tokens = 0;
  /** How much would be used up if nothing else was: these, and what has come and not gone back with time. */
  #level = 0;
  #atMs = 0;

  /** @param perMs how much goes back with time. @returns how much is used up at least */
  at(nowMs: number, perMs: number): number {
    if (nowMs > this.#atMs) {
      this.#level = Math.max(this.tokens, this.#level - (nowMs - this.#atMs) * perMs);
      this.#atMs = nowMs;
    }
    return this.#level;
  }

  announce(count: number, nowMs: number, perMs: number): void {
    this.#level = this.at(nowMs, perMs) + count;
    this.tokens += count;
  }

  came(count: number, nowMs: number, perMs: number): void {
    this.at(nowMs, perMs);
    this.tokens -= count;
  }

  missed(count: number, nowMs: number, perMs: number): void {
    this.came(count, nowMs, perMs);
    this.#level -= count;
  }
}
