// Requests for which a connection to an HTTP/1.1 service has to be made. That takes a third of a millisecond, and one client may ask
// for a thousand WebSockets at once: some are begun in each turn of the event loop, and clients take turns.

const BEGINS_IN_A_TURN = 2;

/** @returns whether there was something to begin; may not throw */
export type Begin = () => boolean;

export class PacedBegins {
  #left = BEGINS_IN_A_TURN;
  /** By client, whose turn it is first; a Set gives its oldest entry without moving the others. */
  readonly #waiting = new Map<string, Set<Begin>>();
  #isScheduled = false;

  /** Begins it now, or in a later turn. @param client its counted address, or '' */
  add(client: string, begin: Begin): void {
    if (this.#waiting.size === 0 && this.#left > 0) {
      this.#take(begin);
    } else {
      const own = this.#waiting.get(client);
      if (own === undefined) this.#waiting.set(client, new Set([begin]));
      else own.add(begin);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#nextTurn);
  }

  /** One that was given up meanwhile takes nobody's room. */
  #take(begin: Begin): void {
    if (begin()) this.#left--;
  }

  readonly #nextTurn = (): void => {
    this.#left = BEGINS_IN_A_TURN;
    for (const [client, own] of this.#waiting) {
      if (this.#left === 0) break;
      const [begin] = own;
      own.delete(begin);
      // Behind the others, if it has more.
      this.#waiting.delete(client);
      if (own.size > 0) this.#waiting.set(client, own);
      this.#take(begin);
    }
    // Once more where there was something, for the room of the turn after it.
    this.#isScheduled = this.#left < BEGINS_IN_A_TURN || this.#waiting.size > 0;
    if (this.#isScheduled) setImmediate(this.#nextTurn);
  };
}

/** Of the process. */
export const pacedBegins: PacedBegins = new PacedBegins();
