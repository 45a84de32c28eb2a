// Which responses of a connection does its client not take? A reader may pause for as long as it likes and costs one
// window; one that makes the proxy hold much more than that for long is given up (CVE-2019-9511 and its kin).

import type { StreamRelay } from './stream-relay.ts';

/** Less than this in that time is no progress: an octet now and then would hold a whole window for ever. */
const LEAST_PROGRESS_BYTES = 4096;

/** An exchange, or what stands before it. */
export interface Watched {
  readonly response: Pick<StreamRelay, 'bytes' | 'pendingBytes'>;
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
   * @param timeoutMs for which a response may make hardly any progress while the connection holds too much
   * @param mostHeldBytes what the stalled responses of one connection may hold together
   */
  constructor(timeoutMs: number, mostHeldBytes: number) {
    this.#timeoutMs = timeoutMs;
    this.#mostHeldBytes = mostHeldBytes;
  }

  /** To be called now and then. @returns those to be given up: the ones that hold the most, until the rest is bearable */
  check(calls: readonly Call[], nowMs: number): readonly Call[] {
    const before = this.#stalls;
    this.#stalls = new Map();
    const stalled: Call[] = [];
    let heldBytes = 0;
    for (const call of calls) {
      const { pendingBytes, bytes } = call.response;
      if (pendingBytes === 0) continue;
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
