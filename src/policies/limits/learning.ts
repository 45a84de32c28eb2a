// A call that waits until this process knows enough of its limits, or until it has waited long enough.

import type { PendingQuestion } from '../../calls/policy.ts';

/** A limit of which this process knows too little. */
export interface Unknown {
  /** How long the call may still wait for it. More than 0. */
  readonly leftMs: number;
  /** As `learn` of a quota. */
  learn(onKnown: () => void): () => void;
}

export class Learning implements PendingQuestion {
  /** A bound that is never reached: each limit is waited for until its own time is over. */
  readonly timeoutMs = 5000;
  readonly #begunAtMs = performance.now();
  readonly #unsure: (waitedMs: number) => Unknown | undefined;
  readonly #onDone: () => void;
  #stop: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;

  /**
   * @param unsure the limit to wait for, for a call that has waited so long. Undefined if there is none
   * @param onDone is called once, unless `cancel` is called before
   */
  constructor(unsure: (waitedMs: number) => Unknown | undefined, first: Unknown, onDone: () => void) {
    this.#unsure = unsure;
    this.#onDone = onDone;
    this.#stop = first.learn(() => this.#look());
  }

  #look(): void {
    clearTimeout(this.#timer);
    const next = this.#unsure(performance.now() - this.#begunAtMs);
    if (next === undefined) {
      this.#onDone();
      return;
    }
    this.#stop = next.learn(() => this.#look());
    // A quota waits as long for each of its answers. The call does not wait for several answers as long.
    this.#timer = setTimeout(() => {
      this.#stop();
      this.#look();
    }, next.leftMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#stop();
  }
}
