// Paces the cancelling of calls to HTTP/1.1 services. Each cancellation closes a connection, which takes a quarter of a
// millisecond, and one client may cancel a thousand calls at once: only some end per turn of the event loop, whichever clients
// they belong to.

const ENDS_IN_A_TURN = 4;

export class PacedEnds {
  readonly #waiting: (() => void)[] = [];
  #isScheduled = false;

  /**
   * Runs `end` in a later turn.
   * @param end may not throw
   */
  add(end: () => void): void {
    this.#waiting.push(end);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#nextTurn);
  }

  /**
   * The newest run first: they are the calls of a client that still wait for a connection, and would otherwise get the places of
   * those that end.
   */
  readonly #nextTurn = (): void => {
    for (let count = 0; count < ENDS_IN_A_TURN; count++) this.#waiting.pop()?.();
    this.#isScheduled = this.#waiting.length > 0;
    if (this.#isScheduled) setImmediate(this.#nextTurn);
  };
}

/** The one instance of the process. */
export const pacedEnds: PacedEnds = new PacedEnds();
