// Finds calls that have their own connection and wait for their clients, and for how long. Uploads that never end would leave no
// connection for others. They may stay as long as no other call waits for one.

import type { PlaceUser } from './place-user.ts';

/**
 * A call that moves fewer bytes within the timeout makes no progress. A byte now and then would otherwise keep a connection
 * forever.
 */
const LEAST_PROGRESS_BYTES = 4096;

interface Stall {
  readonly movedBytes: number;
  readonly sinceMs: number;
}

export class StalledCalls<Call extends Pick<PlaceUser, 'movedBytes' | 'isWaitingForClient'> = PlaceUser> {
  readonly timeoutMs: number;
  #stalls = new Map<Call, Stall>();

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /** Forgets what was seen, because there are enough places. */
  forget(): void {
    if (this.#stalls.size > 0) this.#stalls = new Map();
  }

  /**
   * Checks all running calls. Must be called at intervals.
   * @param most how many calls to return at most
   * @returns the calls that must end, the longest stalled first
   */
  check(calls: Iterable<Call>, nowMs: number, most: number): readonly Call[] {
    const before = this.#stalls;
    this.#stalls = new Map();
    const stalled: { readonly call: Call; readonly sinceMs: number }[] = [];
    for (const call of calls) {
      if (!call.isWaitingForClient) continue;
      const { movedBytes } = call;
      const known = before.get(call);
      const isStalled = known !== undefined && movedBytes - known.movedBytes < LEAST_PROGRESS_BYTES;
      const stall = isStalled ? known : { movedBytes, sinceMs: nowMs };
      this.#stalls.set(call, stall);
      if (nowMs - stall.sinceMs >= this.timeoutMs) stalled.push({ call, sinceMs: stall.sinceMs });
    }
    stalled.sort((one, other) => one.sinceMs - other.sinceMs);
    return stalled.slice(0, most).map(({ call }) => call);
  }
}
