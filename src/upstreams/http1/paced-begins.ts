// Requests for which a connection to an HTTP/1.1 service has to be made. That takes a third of a millisecond, and one client may ask
// for a thousand WebSockets at once: of each client some are begun in a turn of the event loop. Those of others do not wait for them.

import { isKeyOfMany } from '../holding.ts';

/** Of each client in a turn. */
const LEAST_IN_A_TURN = 2;
/** Where turns are long, as other clients make them: so many for each millisecond of the turn before. */
const PER_MILLISECOND = 1;

/** @returns whether there was something to begin; may not throw */
export type Begin = () => boolean;

interface Turn {
  left: number;
  /** In their order: a Set gives its oldest entry without moving the others. */
  readonly waiting: Set<Begin>;
}

export class PacedBegins {
  readonly #now: () => number;
  /** Of the clients that have begun something in this turn, or wait. */
  readonly #turns = new Map<string, Turn>();
  #turnAtMs = 0;
  #isScheduled = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Begins it now, or in a later turn. @param client its counted address, or '' of many that are not told apart */
  add(client: string, begin: Begin): void {
    if (isKeyOfMany(client)) {
      begin();
      return;
    }
    let turn = this.#turns.get(client);
    if (turn === undefined) {
      turn = { left: LEAST_IN_A_TURN, waiting: new Set() };
      this.#turns.set(client, turn);
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#turnAtMs = this.#now();
      setImmediate(this.#nextTurn);
    }
    if (turn.waiting.size > 0 || turn.left <= 0) turn.waiting.add(begin);
    // One that was given up meanwhile takes nobody's room.
    else if (begin()) turn.left--;
  }

  readonly #nextTurn = (): void => {
    const nowMs = this.#now();
    const room = Math.max(LEAST_IN_A_TURN, Math.floor((nowMs - this.#turnAtMs) * PER_MILLISECOND));
    this.#turnAtMs = nowMs;
    for (const [client, turn] of this.#turns) {
      // It has begun nothing since the turn before.
      if (turn.waiting.size === 0) {
        this.#turns.delete(client);
        continue;
      }
      turn.left = room;
      for (const begin of turn.waiting) {
        if (turn.left <= 0) break;
        turn.waiting.delete(begin);
        if (begin()) turn.left--;
      }
    }
    this.#isScheduled = this.#turns.size > 0;
    if (this.#isScheduled) setImmediate(this.#nextTurn);
  };
}

/** Of the process. */
export const pacedBegins: PacedBegins = new PacedBegins();
