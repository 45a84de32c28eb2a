// Which calls with a connection of their own wait for their clients, and for how long? Uploads that never end would leave no
// connection for others. As long as nobody waits for one, they are welcome.

import type { PlaceUser } from './place-user.ts';

/** Less than this in the time of a stall is no progress: a byte now and then would keep a connection for ever. */
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

  /** There are enough places: what was seen is forgotten. */
  forget(): void {
    if (this.#stalls.size > 0) this.#stalls = new Map();
  }

  /**
   * To be called now and then, with all that run.
   * @param most how many are wanted
   * @returns those to be given up, the longest stalled first
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
