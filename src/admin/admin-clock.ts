// The time, for the parts of the admin server that wait. A test passes a clock of its own.

import type { Containment } from '../transport/containment.ts';

export interface AdminClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs the action in the next turn of the event loop. */
  nextTurn(action: () => void): void;
  /** Runs the action after this time. */
  later(action: () => void, ms: number): void;
}

/** What an action throws is contained. None of them keeps the process running. */
export function guardedClock(containment: Containment): AdminClock {
  return {
    now: () => performance.now(),
    nextTurn: (action) => void setImmediate(containment.guard(ignore, action)),
    later: (action, ms) => void setTimeout(containment.guard(ignore, action), ms).unref(),
  };
}

function ignore(): void {
  // No connection is to blame.
}
