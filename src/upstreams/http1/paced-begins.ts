// Paces requests that need a new connection to an HTTP/1.1 service. Connecting takes a third of a millisecond, and one client may
// request a thousand WebSockets at once, so only some requests of each client begin per turn of the event loop. The requests of
// other clients do not wait for them.

import { isKeyOfMany } from '../../config/client-network.ts';

/** How many requests of each client begin per turn at least. */
const LEAST_IN_A_TURN = 2;
/** When turns are long because of other clients: how many requests may begin for each millisecond of the previous turn. */
const PER_MILLISECOND = 1;

/** @returns whether there was something to begin; may not throw */
export type Begin = () => boolean;

interface Turn {
  left: number;
  /** In the order of arrival. A Set returns its oldest entry without moving the others. */
  readonly waiting: Set<Begin>;
}

export class PacedBegins {
  readonly #now: () => number;
  /** The turns of clients that have begun a request in this turn, or wait. */
  readonly #turns = new Map<string, Turn>();
  #turnAtMs = 0;
  #isScheduled = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Calls `begin` now or in a later turn.
   * @param client the client's address as it is counted, or '' for many that cannot be told apart
   */
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
    // A request that was cancelled meanwhile takes no room.
    else if (begin()) turn.left--;
  }

  readonly #nextTurn = (): void => {
    const nowMs = this.#now();
    const room = Math.max(LEAST_IN_A_TURN, Math.floor((nowMs - this.#turnAtMs) * PER_MILLISECOND));
    this.#turnAtMs = nowMs;
    for (const [client, turn] of this.#turns) {
      // The client has begun nothing since the previous turn.
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

/** The one instance of the process. */
export const pacedBegins: PacedBegins = new PacedBegins();
