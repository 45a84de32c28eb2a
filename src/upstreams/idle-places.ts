// Which of those that hold a place make no use of it, and for how long? Looked at only while places are scarce: as long as
// there are enough, an idle stream may last for days.

import type { Claim } from './client-shares.ts';
import type { PlaceUser } from './place-user.ts';

/** Less than this in the time is no use: a heartbeat now and then would keep a place for ever. A voice stream moves more than that in a second. */
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

  /** To be called every second or so while places are scarce, with all that hold one. */
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

  /** There are enough places: what was seen is forgotten. */
  forget(): void {
    if (this.#idle.size > 0) this.#idle = new Map();
  }

  /** Those that have to give way: of the clients that hold the most, the longest idle first. */
  givingWay(claim: Claim, nowMs: number): readonly User[] {
    const idle = Array.from(this.#idle, ([user, { sinceMs }]) => ({ user, sinceMs })).filter(
      ({ user, sinceMs }) => nowMs - sinceMs >= this.timeoutMs && claim.isOwedBy(user.holding),
    );
    idle.sort((a, b) => b.user.holding.held - a.user.holding.held || a.sinceMs - b.sinceMs);
    return idle.slice(0, claim.count).map(({ user }) => user);
  }
}
