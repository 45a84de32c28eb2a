// Who is known by the exact text of its credentials, so that nothing is verified again: until the credentials expire, five minutes at
// most, and until something that credentials were verified with is taken away.

import type { Caller } from '../calls/caller.ts';
import type { KeySet } from './key-sets.ts';
import { VerifiedTokens } from './verified-tokens.ts';

const LONGEST_KEPT_MS = 300_000;

export class KnownCallers {
  readonly #keys: KeySet;
  readonly #now: () => number;
  readonly #verified = new VerifiedTokens();
  /** The `removals` of the keys with which these were verified. */
  #removals = 0;

  /** @param now milliseconds since the Unix epoch */
  constructor(keys: KeySet, now: () => number) {
    this.#keys = keys;
    this.#now = now;
  }

  find(text: string): Caller | undefined {
    this.#forgetIfKeysWereRemoved();
    return this.#verified.find(text, this.#now());
  }

  keep(text: string, caller: Caller): void {
    this.#forgetIfKeysWereRemoved();
    this.#verified.keep(text, caller, Math.min(caller.expiresAtMs, this.#now() + LONGEST_KEPT_MS));
  }

  #forgetIfKeysWereRemoved(): void {
    const { removals } = this.#keys;
    if (removals === this.#removals) return;
    this.#removals = removals;
    this.#verified.clear();
  }
}
