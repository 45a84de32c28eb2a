// A deadline on the timer wheel that all exchanges share: the deadline of a call (grpc-timeout), or of a question that a policy has asked.

import type { DeadlineWheel, Timed } from '../transport/deadline-wheel.ts';

/** Added to the deadline of a call. Most clients enforce their deadline themselves; the proxy acts only when a client does not. */
export const GRACE_MS = 100;

export interface DeadlineKeeper {
  deadlinePassed(): void;
  /** Receives what deadlinePassed() has thrown. Must not throw. */
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
