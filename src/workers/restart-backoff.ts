// When a worker that could not start, or died without having had a connection, is started again, and when trying is pointless.
// One that had worked is not asked about here: it is started again at once. No clock of its own.

/** A worker that has lived for so long has done what it was started for. */
export const EARLY_DEATH_MS = 60_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** Of so many early deaths before the first worker has served: the next one would die as well. */
const HOPELESS_DEATHS = 5;

/** Of one place among the workers. */
export class RestartBackoff {
  readonly #random: () => number;
  #earlyDeaths = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * At once for the first time, then later and later, and never all at the same moment.
   * @returns how long to wait before the next one is started
   */
  died(livedMs: number): number {
    this.#earlyDeaths = livedMs < EARLY_DEATH_MS ? this.#earlyDeaths + 1 : 0;
    if (this.#earlyDeaths <= 1) return 0;
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (this.#earlyDeaths - 2), LONGEST_DELAY_MS);
    return delayMs * (0.5 + this.#random() / 2);
  }
}

/** Of all workers, while none has served yet. */
export class StartUpDeaths {
  #count = 0;
  #isOver = false;

  get count(): number {
    return this.#count;
  }

  /** True when it is time to give up. */
  died(livedMs: number): boolean {
    if (this.#isOver || livedMs >= EARLY_DEATH_MS) return false;
    this.#count++;
    return this.#count >= HOPELESS_DEATHS;
  }

  /** The start has succeeded: from now on there is always another try. */
  succeeded(): void {
    this.#isOver = true;
  }
}
