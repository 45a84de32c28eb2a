// Limits how many endpoints of one upstream are dialled at the same time. The others wait for their turn in the order in which they
// asked. An endpoint that fails asks again, so that none is dialled twice before every other waiting endpoint was dialled once.

/** Of a thousand endpoints that are down, or that a deployment has just named, not all are to be dialled in the same moment. */
const MOST_AT_ONCE = 32;

export interface DialCandidate {
  /** The turn has come. @returns whether the endpoint is being dialled now; if not, it is the next one's turn */
  dialInTurn(): boolean;
}

export class DialQueue {
  readonly #most: number;
  #underWay = 0;
  #waiting: DialCandidate[] = [];

  constructor(most: number = MOST_AT_ONCE) {
    this.#most = most;
  }

  /**
   * Asks for a turn. An endpoint that waits must not ask again.
   * @returns whether it is now; otherwise `dialInTurn` will be called
   */
  enter(candidate: DialCandidate): boolean {
    if (this.#underWay < this.#most) {
      this.#underWay++;
      return true;
    }
    this.#waiting.push(candidate);
    return false;
  }

  /** Dialling has ended one way or the other. Must be called once for each turn. */
  leave(): void {
    this.#underWay--;
    while (this.#underWay < this.#most) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#underWay++;
      if (!next.dialInTurn()) this.#underWay--;
    }
  }
}
