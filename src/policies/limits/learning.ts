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
  readonly #judge: (waitedMs: number) => Unknown | undefined;
  #stop: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param judge answers for a call that has waited so long, or returns the limit that has to be waited for */
  constructor(first: Unknown, judge: (waitedMs: number) => Unknown | undefined) {
    this.#judge = judge;
    this.#stop = first.learn(() => this.#look());
  }

  #look(): void {
    clearTimeout(this.#timer);
    const next = this.#judge(performance.now() - this.#begunAtMs);
    if (next === undefined) return;
    this.#stop = next.learn(() => this.#look());
    // A quota waits as long for each of its answers. The call does not wait as long for each.
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
