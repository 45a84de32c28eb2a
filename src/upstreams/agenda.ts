// Runs tasks at several future moments with a single timer.

export interface AgendaItem {
  readonly atMs: number;
  readonly action: () => void;
}

/** The longest time that a timer can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Agenda {
  readonly #onFault: (error: unknown) => void;
  /** The next one is the last in the list. */
  #items: AgendaItem[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param onFault receives what an action throws. Must not throw */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  add(items: readonly AgendaItem[]): void {
    this.#items = [...this.#items, ...items].toSorted((a, b) => b.atMs - a.atMs);
    this.#wait();
  }

  /** Forgets everything. */
  clear(): void {
    this.#items = [];
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const next = this.#items.at(-1);
    if (next === undefined) return;
    const delayMs = Math.max(1, Math.ceil(next.atMs - performance.now()));
    const timer = setTimeout(() => this.run(performance.now()), Math.min(delayMs, LONGEST_TIMER_MS));
    this.#timer = timer.unref();
  }

  /** Does what is due by now. Called by the timer. */
  run(nowMs: number): void {
    for (let next = this.#items.at(-1); next !== undefined && next.atMs <= nowMs; next = this.#items.at(-1)) {
      this.#items.pop();
      try {
        next.action();
      } catch (error) {
        this.#onFault(error);
      }
    }
    this.#wait();
  }
}
