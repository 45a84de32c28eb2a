// Remembers who the bearers of verified tokens are, by the exact text of the token. There are two generations: when the young one is
// full, it becomes the old one, and what is asked for moves back. So a token that is used stays, and finding it changes nothing.

import type { Caller } from '../calls/caller.ts';

interface Verified {
  readonly caller: Caller;
  /** In milliseconds since the Unix epoch. */
  readonly untilMs: number;
}

export class VerifiedTokens {
  readonly #mostTokens: number;
  readonly #mostCharacters: number;
  #young = new Map<string, Verified>();
  #old = new Map<string, Verified>();
  #characters = 0;

  /** Each bound is for one generation. */
  constructor(mostTokens = 5000, mostCharacters = 8 * 1024 * 1024) {
    this.#mostTokens = mostTokens;
    this.#mostCharacters = mostCharacters;
  }

  /** @returns undefined if the token has to be verified, again or for the first time */
  find(token: string, nowMs: number): Caller | undefined {
    const young = this.#young.get(token);
    if (young !== undefined) return young.untilMs > nowMs ? young.caller : undefined;
    if (this.#old.size === 0) return undefined;
    const old = this.#old.get(token);
    if (old === undefined || old.untilMs <= nowMs) return undefined;
    this.#add(token, old);
    return old.caller;
  }

  keep(token: string, caller: Caller, untilMs: number): void {
    this.#add(token, { caller, untilMs });
  }

  /** Forgets all: what they were verified with does not count any more. */
  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#characters = 0;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #add(token: string, verified: Verified): void {
    if (this.#young.size >= this.#mostTokens || this.#characters + token.length > this.#mostCharacters) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#characters = 0;
    }
    if (!this.#young.has(token)) this.#characters += token.length;
    this.#young.set(token, verified);
  }
}
