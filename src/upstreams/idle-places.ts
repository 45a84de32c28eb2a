// Finds calls that hold a place without using it, and for how long. This is checked only while places are scarce: as long as
// there are enough, an idle stream may last for days.

import type { Claim } from './client-shares.ts';
import type { PlaceUser } from './place-user.ts';

/**
 * A call that moves fewer bytes within the timeout counts as idle. A heartbeat now and then would otherwise keep a place forever.
 * A voice stream moves more than this in a second.
 */
const LEAST_USE_BYTES = 512;

interface Idle {
  readonly movedBytes: number;
  readonly sinceMs: number;
}

export class IdlePlaces<User extends Pick<PlaceUser, 'holding' | 'movedBytes'> = PlaceUser> {
  readonly timeoutMs: number;
  #idle = new Map<User, Idle>();

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /** Checks all calls that hold a place. Must be called about every second while places are scarce. */
  look(users: Iterable<User>, nowMs: number): void {
    const before = this.#idle;
    this.#idle = new Map();
    for (const user of users) {
      const { movedBytes } = user;
      const known = before.get(user);
      const isIdle = known !== undefined && movedBytes - known.movedBytes < LEAST_USE_BYTES;
      this.#idle.set(user, isIdle ? known : { movedBytes, sinceMs: nowMs });
    }
  }

  /** Forgets what was seen, because there are enough places. */
  forget(): void {
    if (this.#idle.size > 0) this.#idle = new Map();
  }

  /** The calls that must give way: those of the clients that hold the most, and of these the longest idle first. */
  givingWay(claim: Claim, nowMs: number): readonly User[] {
    const idle = Array.from(this.#idle, ([user, { sinceMs }]) => ({ user, sinceMs })).filter(
      ({ user, sinceMs }) => nowMs - sinceMs >= this.timeoutMs && claim.isOwedBy(user.holding),
    );
    idle.sort((a, b) => b.user.holding.held - a.user.holding.held || a.sinceMs - b.sinceMs);
    return idle.slice(0, claim.count).map(({ user }) => user);
  }
}
