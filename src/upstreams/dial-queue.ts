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
  /** How many of these have had their turn. Moving the others up each time would take long. */
  #served = 0;
  #isServing = false;

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
    // An endpoint that fails at once leaves within its turn: then the loop below goes on.
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      while (this.#underWay < this.#most && this.#served < this.#waiting.length) this.#serveNext();
    } finally {
      this.#isServing = false;
    }
  }

  #serveNext(): void {
    const next = this.#waiting[this.#served++];
    if (this.#served * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#served);
      this.#served = 0;
    }
    this.#underWay++;
    let isDialled = false;
    try {
      isDialled = next.dialInTurn();
    } finally {
      if (!isDialled) this.#underWay--;
    }
  }
}
