// The tokens of one gRPC message whose prefix has announced more than has come. They are taken, and not used yet: what passes for them
// passes later. So a count with announced tokens fills up to the burst without them and no further. Otherwise a client could announce
// messages for hours, and then send all of them at once. While the bytes before them wait for their receiver, the sender is not to blame:
// then time brings the tokens back, as those that are spent.

import type { AnnouncedTokens } from '../calls/flow-limits.ts';

/** Who adds up the announced tokens of a count. */
export interface AnnouncedSum<Of> {
  readonly nowMs: number;
  /** How much comes back with time. */
  readonly perMs: number;
  /** So many have come, or are not owed any more: they are spent from now on. */
  came(of: Of, count: number): void;
  /** So many that were owed do not come, and are given back. */
  missed(of: Of, count: number): void;
  /**
   * So many that were spent are owed again. They are not taken once more: what is added now, since time has brought it back, is taken off again
   * as they come.
   * @returns what they are counted in from now on: the count may have been forgotten meanwhile
   */
  owedAgain(of: Of, count: number): Of;
  /** So many that were spent, and that time has not brought back, do not come: they are given back. */
  unused(of: Of, count: number): void;
}

/** It keeps the count that the tokens were taken from, since keys that share a count may have one of their own later. */
export class AnnouncedMessage<Of> implements AnnouncedTokens {
  readonly #sum: AnnouncedSum<Of>;
  #of: Of;
  #left: number;
  #isOwed = true;
  /** Since when they are not owed, if they were before. */
  #spentAtMs = 0;
  #spentPerMs = 0;
  /** Whether nobody knows how many of them time has brought back. */
  #isMixed = false;

  /** @param count already added to the sum */
  constructor(sum: AnnouncedSum<Of>, of: Of, count: number) {
    this.#sum = sum;
    this.#of = of;
    this.#left = count;
  }

  came(count: number): void {
    const came = Math.min(count, this.#left);
    this.#left -= came;
    if (came > 0 && this.#isOwed) this.#sum.came(this.#of, came);
  }

  owed(isOwed: boolean): void {
    if (isOwed === this.#isOwed || this.#left === 0) return;
    const sum = this.#sum;
    this.#isOwed = isOwed;
    if (isOwed) {
      this.#isMixed = true;
      this.#of = sum.owedAgain(this.#of, this.#left);
    } else {
      this.#spentAtMs = sum.nowMs;
      this.#spentPerMs = sum.perMs;
      sum.came(this.#of, this.#left);
    }
  }

  end(): void {
    const missed = this.#left;
    this.#left = 0;
    if (missed === 0) return;
    const sum = this.#sum;
    if (this.#isOwed) {
      if (this.#isMixed) sum.came(this.#of, missed);
      else sum.missed(this.#of, missed);
    } else if (!this.#isMixed) {
      // All that has come back meanwhile may have been of these.
      const backMost = (sum.nowMs - this.#spentAtMs) * Math.max(sum.perMs, this.#spentPerMs);
      if (missed > backMost) sum.unused(this.#of, missed - Math.max(0, backMost));
    }
  }
}
