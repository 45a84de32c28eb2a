// How busy a worker is, as far as the primary can know: what it has reported, and what it was given since and cannot have
// counted yet. No clock of its own.

/**
 * A client opens its first stream soon after it has connected; until then a connection stands for one. Without that the
 * least busy worker would get every connection that comes between two reports.
 */
const COUNTED_FOR_MS = 500;

export class WorkerLoad {
  #streams = 0;
  /** When connections were handed over that count as a stream; oldest first. */
  readonly #handedOverAtMs: number[] = [];

  /** Exchanges under way by its last report. */
  get reportedStreams(): number {
    return this.#streams;
  }

  handedOver(nowMs: number): void {
    this.#handedOverAtMs.push(nowMs);
  }

  report(streams: number): void {
    this.#streams = streams;
  }

  streamsAt(nowMs: number): number {
    const times = this.#handedOverAtMs;
    while (times.length > 0 && nowMs - times[0] >= COUNTED_FOR_MS) times.shift();
    return this.#streams + times.length;
  }
}
