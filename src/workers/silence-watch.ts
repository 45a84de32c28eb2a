// Finds workers that show no sign of life, so that a worker that hangs can be ended. A message from a worker counts even if this process
// was too busy to read it.

/** A worker that was silent at this many looks hangs, since it gives a sign of life every five seconds. */
const LOOK_EVERY_MS = 5000;
const MOST_SILENT_LOOKS = 12;

export interface Watched {
  /** Counts the looks since the last message. Each message sets it to 0. */
  silentLooks: number;
}

export class SilenceWatch<W extends Watched> {
  readonly #workers: ReadonlySet<W>;
  readonly #onSilent: (worker: W) => void;
  #timer: NodeJS.Timeout | undefined = undefined;
  #judgement: NodeJS.Immediate | undefined = undefined;
  #lookedAtMs = 0;

  constructor(workers: ReadonlySet<W>, onSilent: (worker: W) => void) {
    this.#workers = workers;
    this.#onSilent = onSilent;
  }

  start(): void {
    this.#lookedAtMs = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  #look(): void {
    const nowMs = performance.now();
    const wasHeldUp = nowMs - this.#lookedAtMs > 2 * LOOK_EVERY_MS;
    this.#lookedAtMs = nowMs;
    // This process did not get the processor, and so the workers may not have got it either.
    if (wasHeldUp) return;
    for (const worker of this.#workers) worker.silentLooks++;
    // A timer comes before the messages that lie unread. They are read before the judgement.
    clearImmediate(this.#judgement);
    this.#judgement = setImmediate(() => this.#judge());
  }

  #judge(): void {
    for (const worker of this.#workers) {
      if (worker.silentLooks >= MOST_SILENT_LOOKS) this.#onSilent(worker);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#judgement);
  }
}
