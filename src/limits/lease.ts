// What a process has of one key of a limit: tokens that the store has granted, and what it has spent that the store has not heard of.

import type { AnnouncedLevel } from './announced-level.ts';
import type { LeaseTerms } from './lease-terms.ts';

/** Outages have numbers from 0. */
export const NO_OUTAGE = -1;

/** A question without an answer is given up after this time. Calls that can wait for an answer about a key wait no longer. */
export const GIVE_UP_MS = 1000;

/** What was asked about one lease. */
export interface LeaseNeed {
  readonly owed: number;
  /** How much must be used up after that. */
  readonly least: number;
  readonly wanted: number;
  /** How many tokens may be kept of those that are granted, if nobody takes them at once. */
  readonly kept: number;
  /** By which the store answers, even if others apply by then. */
  readonly terms: LeaseTerms;
}

/** The lease of one key, and who waits for tokens of it. */
export class Lease {
  /** Of messages that have not come. Undefined if there was none. */
  announced: AnnouncedLevel | undefined = undefined;
  /** Granted and not spent. */
  tokens = 0;
  /** Spent, and not yet told to the store. */
  owed = 0;
  /** Spent, and told to the store, which has not answered. */
  owedOnTheWay = 0;
  /** The largest number of tokens that one call was refused for since the last question. */
  missing = 0;
  /** How many tokens calls wait for, all together, that no question was about yet. */
  awaited = 0;
  /** The lease calls these when the store has answered, or has not in time. Undefined if nobody waits. */
  waiting: Set<() => void> | undefined = undefined;
  /** Ends the wait of all of them. Runs while a call waits. */
  patience: NodeJS.Timeout | undefined = undefined;
  /** The lease calls these when tokens may be there, for calls that wait as long as there are none. */
  watching: Set<() => void> | undefined = undefined;
  /** The question about this key that is open, or 0. */
  question = 0;
  askedAtMs = 0;
  /** Until then nobody waits for the store: a call has waited long enough for it, or it has failed to answer. 0 once it answers again. */
  lateUntilMs = 0;
  /** When the first of the questions was asked that have found no answer, one soon after the other, and when the last of them was given up. */
  #failingSinceMs = 0;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether it waits for the next question. */
  isQueued = false;
  /** Until then the store has no token for it, or is not to be asked. */
  notBeforeMs = 0;
  /** How many tokens may be owed. */
  advance: number;
  /** How many tokens the store had when it answered last, or its debt if negative. Undefined if it never has answered. */
  room: number | undefined = undefined;
  /** When it had so many. */
  roomAtMs = 0;
  /** While the store does not answer: when all tokens spent of the local share will have come back. */
  paidAtMs = 0;
  /** The outage that `paidAtMs` is about. Another one begins when an answer is late. */
  outage = NO_OUTAGE;
  /** Its name in the store. Undefined until it is asked about. */
  hash: string | undefined = undefined;
  readonly key: string;

  constructor(key: string, advance: number) {
    this.key = key;
    this.advance = advance;
  }

  /** The question about this key has found an answer, or none. */
  noteAnswer(isThere: boolean, nowMs: number): void {
    this.question = 0;
    if (isThere) this.#failedAtMs = Number.NEGATIVE_INFINITY;
    else {
      if (this.askedAtMs - this.#failedAtMs > GIVE_UP_MS) this.#failingSinceMs = this.askedAtMs;
      this.#failedAtMs = nowMs;
    }
  }

  /** How many tokens the store has, if no other process has taken any since it answered; its debt if negative. */
  roomAt(nowMs: number, { burst, ratePerSecond }: LeaseTerms): number {
    if (this.room === undefined) return burst;
    return Math.min(burst, this.room + (Math.max(0, nowMs - this.roomAtMs) * ratePerSecond) / 1000);
  }

  /** How much cannot have gone back in the store, where tokens that were granted count as used up. 0 if nothing was announced. */
  leastAt(nowMs: number, { ratePerSecond }: LeaseTerms): number {
    const level = this.announced?.at(nowMs, ratePerSecond / 1000) ?? 0;
    return level > 0 ? level + this.tokens : 0;
  }

  /** Those that still know too little wait again, for another answer. */
  tellWaiting(): void {
    const { waiting, watching } = this;
    this.endPatience();
    this.waiting = undefined;
    this.watching = undefined;
    if (waiting !== undefined) for (const tell of waiting) tell();
    if (watching !== undefined) for (const tell of watching) tell();
  }

  endPatience(): void {
    clearTimeout(this.patience);
    this.patience = undefined;
  }

  /** Whether the store, which may answer about other keys, has answered nothing about this one for a second. */
  isGivenUp(nowMs: number): boolean {
    return nowMs - this.#failedAtMs < GIVE_UP_MS && nowMs - this.#failingSinceMs >= GIVE_UP_MS;
  }
}
