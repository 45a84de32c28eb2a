// Divides long work into pieces, between which the event loop gets its turn: calls must not wait for a scrape of the metrics.

/** How long the event loop is kept at a time, about. */
const MOST_MS = 5;

export class Pace {
  readonly #now: () => number;
  #begunMs: number;

  /** @param now returns monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#begunMs = now();
  }

  /** Whether it is time for a pause. */
  get isOver(): boolean {
    return this.#now() - this.#begunMs >= MOST_MS;
  }

  /** Resolves at once, or, if enough was done in this turn, in the next turn of the event loop. Await it between pieces of the work. */
  async rest(): Promise<void> {
    if (!this.isOver) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#begunMs = this.#now();
  }
}
