// The timer of a response whose head is held back for a while. Until the first message comes, the status decides whether the client gets
// this response or that of another attempt. Few responses need the timer, because most are complete in the turn in which they begin.

import type { Timed } from '../transport/deadline-wheel.ts';

export interface HeadHolder {
  /** The head was held back for long enough. */
  passHeldHead(): void;
  /** Receives what passHeldHead() has thrown. Must not throw. */
  fault(error: unknown): void;
}

export class HeldHead implements Timed {
  readonly #holder: HeadHolder;
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;

  constructor(holder: HeadHolder) {
    this.#holder = holder;
  }

  onTimer(): void {
    try {
      this.#holder.passHeldHead();
    } catch (error) {
      this.#holder.fault(error);
    }
  }
}
