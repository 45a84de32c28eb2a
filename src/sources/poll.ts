// Repeats a task, with a pause between the end of one run and the beginning of the next. Never keeps the process alive.

export class Poll {
  readonly #task: () => Promise<void>;
  #everyMs: number | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param task never rejects */
  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  /** Starts, or changes the pause, in milliseconds. Undefined stops. */
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
        // A new interval set in the meantime has its own timer.
        if (this.#timer === timer) this.#schedule();
      };
      this.#task().then(goOn, goOn);
    }, this.#everyMs).unref();
    this.#timer = timer;
  }
}
