// How long to wait before a store is connected to again: longer and longer, as long as no connection has lasted. A server that accepts a
// connection and ends it at once would otherwise be connected to without a pause.

/** A connection that could be used for so long has lasted. */
const LASTING_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

export class ReconnectPauses {
  readonly #now: () => number;
  readonly #random: () => number;
  #count = 0;
  #readySinceMs: number | undefined = undefined;

  /** @param now monotonic milliseconds. @param random from 0 to 1 */
  constructor(now: () => number, random: () => number = Math.random) {
    this.#now = now;
    this.#random = random;
  }

  /** A connection can be used from now on. */
  noteReady(): void {
    this.#readySinceMs = this.#now();
  }

  /** There is no connection any more, or none again. @returns milliseconds. They differ for each proxy, so that not all come back at once */
  next(): number {
    const hasLasted = this.#readySinceMs !== undefined && this.#now() - this.#readySinceMs >= LASTING_MS;
    this.#readySinceMs = undefined;
    this.#count = hasLasted ? 0 : this.#count;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#count++, 10), LONGEST_PAUSE_MS);
    return Math.round(pauseMs * (0.5 + this.#random() / 2));
  }
}
