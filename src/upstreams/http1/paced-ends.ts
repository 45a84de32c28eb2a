// Calls to HTTP/1.1 services that are given up. Each ends a connection there, which takes a quarter of a millisecond, and one
// client may leave a thousand at once: some end in each turn of the event loop, whoever's they are and however they were given up.

const ENDS_IN_A_TURN = 4;

export class PacedEnds {
  readonly #waiting: (() => void)[] = [];
  #isScheduled = false;

  /** Runs it in a later turn. @param end may not throw */
  add(end: () => void): void {
    this.#waiting.push(end);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#nextTurn);
  }

  /** The newest first: of a client's calls those that still wait for a connection, which would take the places of the others. */
  readonly #nextTurn = (): void => {
    for (let count = 0; count < ENDS_IN_A_TURN; count++) this.#waiting.pop()?.();
    this.#isScheduled = this.#waiting.length > 0;
    if (this.#isScheduled) setImmediate(this.#nextTurn);
  };
}

/** Of the process. */
export const pacedEnds: PacedEnds = new PacedEnds();
