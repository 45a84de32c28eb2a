// Does something again and again, with a pause between one end and the next beginning. Never keeps the process alive.

export class Poll {
  readonly #task: () => Promise<void>;
  #everyMs: number | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param task never rejects */
  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  /** Starts, goes on at another pace, or stops (undefined). */
  setInterval(everyMs: number | undefined): void {
    if (everyMs === this.#everyMs) return;
    this.#everyMs = everyMs;
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#everyMs === undefined) return;
    const timer = setTimeout(() => {
      const goOn = (): void => {
        // Unless another interval was set meanwhile.
        if (this.#timer === timer) this.#schedule();
      };
      this.#task().then(goOn, goOn);
    }, this.#everyMs).unref();
    this.#timer = timer;
  }
}
