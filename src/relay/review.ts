// Looks at a call again at a certain time while it runs, for a policy whose permission has an end.

import type { Failure } from '../calls/failure.ts';
import type { CallReview } from '../calls/policy.ts';
import type { DeadlineWheel, Timed } from '../transport/deadline-wheel.ts';

/** The wheel has a monotonic clock, and the system's clock may be set meanwhile. So it is looked at once in a minute. */
const LONGEST_MS = 60_000;

/** The exchange. */
export interface ReviewedCall {
  readonly subject: { readonly timeoutMs: number | undefined };
  readonly durationMs: number;
  abort(cause: Failure): void;
  fault(error: unknown): void;
}

export class Review implements Timed {
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;
  readonly #call: ReviewedCall;
  readonly #wheel: DeadlineWheel;
  readonly #planned: CallReview;
  #isOver = false;

  constructor(call: ReviewedCall, wheel: DeadlineWheel, planned: CallReview) {
    this.#call = call;
    this.#wheel = wheel;
    this.#planned = planned;
    this.#wait();
  }

  #wait(): void {
    const waitMs = this.#planned.atEpochMs - Date.now();
    const { subject, durationMs } = this.#call;
    // Most calls end by their own deadline long before.
    if (subject.timeoutMs !== undefined && subject.timeoutMs - durationMs < Math.min(waitMs, LONGEST_MS))
      return;
    this.#wheel.set(this, Math.min(Math.max(waitMs, 0), LONGEST_MS));
  }

  onTimer(): void {
    try {
      if (Date.now() < this.#planned.atEpochMs) this.#wait();
      else this.#end();
    } catch (error) {
      this.#call.fault(error);
    }
  }

  #end(): void {
    this.#isOver = true;
    const cause = this.#planned.review();
    if (cause !== undefined) this.#call.abort(cause);
  }

  /** May be called twice. */
  close(): void {
    this.#wheel.clear(this);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#planned.dropped?.();
  }
}
