// A deadline on the timer wheel that all exchanges share: the deadline of a call (grpc-timeout), or of a question that a policy has asked.

import type { DeadlineWheel, Timed } from '../transport/deadline-wheel.ts';

/** Added to the deadline of a call. Most clients enforce their deadline themselves; the proxy acts only when a client does not. */
export const GRACE_MS = 100;

/**
 * How much earlier than here a deadline may pass at the client, whose clock begins before its request comes here, or at a service that rounds it
 * down: by this part of it, but this time at most.
 */
const EARLY_PART = 0.1;
const MOST_EARLY_MS = 100;
/** Of a short deadline the event loops on the way may take more: this time, but this part of it at most. */
const LATE_MS = 20;
const LATE_PART = 0.2;
/** Clients of gRPC's core library (C++, Python, Ruby) send their deadline with three digits at most, rounded up: by 1 % at most. */
const ROUNDED_PART = 0.01;
const MOST_ROUNDED_MS = 1000;

/**
 * Whether a call that ends now counts as ended by its deadline, also if it ends a little before: see above.
 * @param timeoutMs undefined if the call has none
 * @param durationMs since the request came here
 */
export function hasPassed(timeoutMs: number | undefined, durationMs: number): timeoutMs is number {
  return timeoutMs !== undefined && durationMs >= timeoutMs - mostEarlyMs(timeoutMs);
}

function mostEarlyMs(timeoutMs: number): number {
  return Math.max(
    Math.min(timeoutMs * EARLY_PART, MOST_EARLY_MS),
    Math.min(timeoutMs * LATE_PART, LATE_MS),
    Math.min(timeoutMs * ROUNDED_PART, MOST_ROUNDED_MS),
  );
}

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
