// Decides how long to wait before a worker is started again, and when starting workers is pointless. It is asked only about workers that died
// without having had a connection, and about those that a suspected client has ended; other workers are started again at once. It reads no clock.

/** A worker that dies before this age has died early. */
export const EARLY_DEATH_MS = 60_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** After this many early deaths before the start has succeeded, the next worker is expected to die as well. */
const HOPELESS_DEATHS = 5;

/** The backoff of one post of the worker pool. */
export class RestartBackoff {
  readonly #random: () => number;
  #earlyDeaths = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * The first restart is immediate. Later ones wait longer and longer, with a random part, so that workers do not start all at once.
   * @param livedMs how long the worker has lived, in milliseconds
   * @returns how long to wait before the next one is started, in milliseconds
   */
  died(livedMs: number): number {
    this.#earlyDeaths = livedMs < EARLY_DEATH_MS ? this.#earlyDeaths + 1 : 0;
    if (this.#earlyDeaths <= 1) return 0;
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (this.#earlyDeaths - 2), LONGEST_DELAY_MS);
    return delayMs * (0.5 + this.#random() / 2);
  }
}

/** Counts the early deaths of all workers until the start has succeeded. */
export class StartUpDeaths {
  #count = 0;
  #isOver = false;

  get count(): number {
    return this.#count;
  }

  /** Returns true when it is time to give up. */
  died(livedMs: number): boolean {
    if (this.#isOver || livedMs >= EARLY_DEATH_MS) return false;
    this.#count++;
    return this.#count >= HOPELESS_DEATHS;
  }

  /** The start has succeeded. From now on workers are always started again. */
  succeeded(): void {
    this.#isOver = true;
  }
}

/** Workers all end soon after their start, so that starting more of them is pointless. */
export class CrashLoop extends Error {
  constructor(count: number, last: string) {
    super(
      `${count} workers in a row ended within a minute of their start, the last one by ${last}: there is no use in starting more; the lines of the log before this one say why they ended, and 'workers: 1' runs without them`,
    );
  }
}
