// The deadline of one exchange on the wheel of all of them. Made only for calls that have one.

import type { DeadlineWheel, Timed } from '../transport/deadline-wheel.ts';

/** The client keeps its deadline itself and is usually first; this is for those that do not. */
export const GRACE_MS = 100;

export interface DeadlineKeeper {
  deadlinePassed(): void;
  /** What deadlinePassed() has thrown. May not throw. */
  fault(error: unknown): void;
}

export class Deadline implements Timed {
  readonly #wheel: DeadlineWheel;
  readonly #keeper: DeadlineKeeper;
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;

  constructor(wheel: DeadlineWheel, keeper: DeadlineKeeper, delayMs: number) {
    this.#wheel = wheel;
    this.#keeper = keeper;
    wheel.set(this, delayMs);
  }

  clear(): void {
    this.#wheel.clear(this);
  }

  onTimer(): void {
    try {
      this.#keeper.deadlinePassed();
    } catch (error) {
      this.#keeper.fault(error);
    }
  }
}
