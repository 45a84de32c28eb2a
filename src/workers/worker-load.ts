// How busy a worker is, as far as the primary knows: the streams it has reported, and the connections it was given so recently that it
// cannot have counted their streams. It reads no clock.

/**
 * How long a new connection counts as one stream. A client opens its first stream soon after it has connected; without this rule the
 * least busy worker would get every connection that arrives between two reports.
 */
const COUNTED_FOR_MS = 500;

/** What ended with a worker, as far as the primary process knows. */
export interface WorkerLoss {
  readonly connections: number;
  /** As of the last report of the worker, which is a fraction of a second old. */
  readonly calls: number;
}

export class WorkerLoad {
  #streams = 0;
  /** The times at which the connections that count as a stream were handed over, the oldest first. */
  readonly #handedOverAtMs: number[] = [];

  /** The number of running exchanges in the worker's last report. */
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
