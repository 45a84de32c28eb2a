// The tokens of one gRPC message whose prefix has announced more than has come. They are taken, and not used yet: what passes for them
// passes later. So a count with announced tokens fills up to the burst without them and no further. Otherwise a client could announce
// messages for hours, and then send all of them at once.

import type { AnnouncedTokens } from '../calls/flow-limits.ts';

/** Who adds up the announced tokens of a count. */
export interface AnnouncedSum<Of> {
  /** So many have come, and are spent from now on. */
  came(of: Of, count: number): void;
  /** So many do not come, and are given back. */
  missed(of: Of, count: number): void;
}

/** It keeps the count that the tokens were taken from, since keys that share a count may have one of their own later. */
export class AnnouncedMessage<Of> implements AnnouncedTokens {
  readonly #sum: AnnouncedSum<Of>;
  readonly #of: Of;
  #left: number;

  /** @param count already added to the sum */
  constructor(sum: AnnouncedSum<Of>, of: Of, count: number) {
    this.#sum = sum;
    this.#of = of;
    this.#left = count;
  }

  came(count: number): void {
    const came = Math.min(count, this.#left);
    this.#left -= came;
    if (came > 0) this.#sum.came(this.#of, came);
  }

  end(): void {
    const missed = this.#left;
    this.#left = 0;
    if (missed > 0) this.#sum.missed(this.#of, missed);
  }
}
