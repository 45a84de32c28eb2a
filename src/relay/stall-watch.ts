// Finds the responses of a connection that the client does not read. A client may pause for as long as it likes, because a paused response
// holds at most one window. If stalled responses together hold much more than that, some of them are given up (CVE-2019-9511 and similar).

import type { StreamRelay } from './stream-relay.ts';

/** A response that moves less than this has stalled: otherwise a client could hold a whole window forever by reading single bytes. */
const LEAST_PROGRESS_BYTES = 4096;

/** An exchange, or a translator in front of it. */
export interface Watched {
  readonly response: Pick<StreamRelay, 'bytes' | 'pendingBytes' | 'owedBytes'>;
}

interface Stall {
  readonly takenBytes: number;
  readonly sinceMs: number;
}

export class StallWatch<Call extends Watched> {
  readonly #timeoutMs: number;
  readonly #mostHeldBytes: number;
  #stalls = new Map<Call, Stall>();

  /**
   * @param timeoutMs how long a response may make hardly any progress before it counts as stalled
   * @param mostHeldBytes how many bytes the stalled responses of one connection may hold together
   */
  constructor(timeoutMs: number, mostHeldBytes: number) {
    this.#timeoutMs = timeoutMs;
    this.#mostHeldBytes = mostHeldBytes;
  }

  /** Call this periodically. @returns the stalled calls to give up: the largest ones, until the others are within the limit */
  check(calls: readonly Call[], nowMs: number): readonly Call[] {
    const before = this.#stalls;
    this.#stalls = new Map();
    const stalled: Call[] = [];
    let heldBytes = 0;
    for (const call of calls) {
      const { pendingBytes, bytes, owedBytes } = call.response;
      // What waits for a limit alone is not held up by the client.
      if (owedBytes === 0) continue;
      const takenBytes = bytes - pendingBytes;
      const known = before.get(call);
      const isStalled = known !== undefined && takenBytes - known.takenBytes < LEAST_PROGRESS_BYTES;
      const stall = isStalled ? known : { takenBytes, sinceMs: nowMs };
      this.#stalls.set(call, stall);
      if (nowMs - stall.sinceMs < this.#timeoutMs) continue;
      stalled.push(call);
      heldBytes += pendingBytes;
    }
    return largest(stalled, heldBytes - this.#mostHeldBytes);
  }
}

function largest<Call extends Watched>(stalled: Call[], excessBytes: number): readonly Call[] {
  stalled.sort((a, b) => b.response.pendingBytes - a.response.pendingBytes);
  let left = excessBytes;
  return stalled.filter(({ response }) => {
    if (left <= 0) return false;
    left -= response.pendingBytes;
    return true;
  });
}
