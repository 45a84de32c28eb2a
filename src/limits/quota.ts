// How much of a limit is left for each of its keys: what a local table, shares of several processes and stores have in common.

import type { AnnouncedTokens } from '../calls/flow-limits.ts';

/** Tokens of one limit, by key. A key is a text such as the address of a client. Only `learn` waits, and it calls back. */
export interface Quota {
  /** How many tokens of a key can be there at once. */
  readonly burst: number;
  /** How long a call waits at most for those who know. After that this process decides by what it knows itself. */
  readonly learnWithinMs: number;
  /**
   * Takes tokens if there are enough.
   * @param count at least 1
   * @param client the address or network that the call comes from. Bounds how many keys one client can make up. '' if it is unknown,
   * undefined for keys that a client cannot choose
   * @returns 0 if they were there. Otherwise nothing is taken, and they will be there in this many whole milliseconds; Infinity if there
   * are never so many
   */
  take(key: string, count: number, client?: string): number;
  /** As `Tokens.announce`. */
  announce?(key: string, count: number, client?: string): AnnouncedTokens | undefined;
  /** Gives tokens back that were just taken by `take` for the same client, since the call does not take place. */
  giveBack(key: string, count: number, client?: string): void;
  /**
   * Who was refused by `take` asks this. It is the name of the store that knows what is left, if the store does not answer and calls are
   * refused for that (`failure: closed`). Undefined if tokens are really missing. Only quotas of stores have it.
   */
  closedBy?(key: string): string | undefined;
  /**
   * Calls that can wait ask this in place of `closedBy`. It is the name of the store only if the store is known to be gone, or has answered
   * nothing about the key for a second, and not if a question to it has been late. Only quotas of stores have it.
   */
  goneStore?(key: string): string | undefined;
  /** How many tokens are left for this key and client, rounded down, at least 0. */
  left(key: string, client?: string): number;
  /**
   * Whether what this process knows is good enough to judge about so many tokens. If not, `learn` asks those who know, and `take` takes
   * nothing: a caller that cannot wait is told to come again soon.
   */
  knows(key: string, count: number, client?: string): boolean;
  /**
   * Asks for what this process does not know.
   * @param onKnown is called once, later: when there is an answer, or when the wait for it is over (after `learnWithinMs`). What is known then
   * may still be too little, if others have taken what came
   * @returns ends the wait: onKnown is not called any more
   */
  learn(key: string, count: number, onKnown: () => void, client?: string): () => void;
  /**
   * Calls that wait as long as tokens are missing ask this after `take` has said for how long. They are told when the tokens may be there
   * sooner, or when the store is lost or found.
   * @param onChange is called once, later, if at all
   * @returns ends this; undefined if only time can bring these tokens
   */
  watch(key: string, count: number, onChange: () => void, client?: string): (() => void) | undefined;
}
