// Calls to HTTP/1.1 services that are given up. Each ends a connection there, which takes a quarter of a millisecond, and one
// client may leave a thousand at once: some end in each turn of the event loop, whoever's they are and however they were given up.

const ENDS_IN_A_TURN = 4;

export class PacedEnds {
  readonly #waiting = new Set<() => void>();
  #left = ENDS_IN_A_TURN;
  #isScheduled = false;

  /** Runs it now or in a later turn, in order. @param end may not throw */
  run(end: () => void): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(this.#nextTurn);
    }
    if (this.#left > 0 && this.#waiting.size === 0) {
      this.#left--;
      end();
    } else {
      this.#waiting.add(end);
    }
  }

  readonly #nextTurn = (): void => {
    this.#left = ENDS_IN_A_TURN;
    for (const end of this.#waiting) {
      if (this.#left === 0) break;
      this.#left--;
      this.#waiting.delete(end);
      end();
    }
    this.#isScheduled = this.#waiting.size > 0;
    if (this.#isScheduled) setImmediate(this.#nextTurn);
    else this.#left = ENDS_IN_A_TURN;
  };
}

/** Of the process. */
export const pacedEnds: PacedEnds = new PacedEnds();
