// The terms on which a process takes leases of one limit, and the figures that follow from them.

/** How many parts of a second's tokens, and of the burst, one lease is. */
const PARTS = 20;

export interface LeaseTerms {
  /** The name of the store. */
  readonly store: string;
  /** Names the limit in the store: the same on all machines that share it. */
  readonly limit: string;
  readonly ratePerSecond: number;
  /** How many tokens there are at most. At least 1. */
  readonly burst: number;
}

/** How many tokens a process takes at a time: a twentieth of what the limit gives in a second, or of its burst, and one at least. */
export function leaseOf({ ratePerSecond, burst }: LeaseTerms): number {
  return Math.min(Math.max(1, Math.floor(Math.max(ratePerSecond, burst) / PARTS)), Math.max(1, burst));
}

/**
 * How many tokens a process may spend before the store has heard of them.
 * @param room how many the store has
 * @param holders how many processes share the limit
 */
export function advanceOf(terms: LeaseTerms, room: number, holders: number): number {
  return Math.max(leaseOf(terms), Math.floor(room / (2 * holders)));
}

/**
 * The same while the store has nothing left: a twentieth of what comes in a second, and no part of the burst, so that what waits for tokens
 * goes on as evenly as they come.
 */
export function shortAdvanceOf(terms: LeaseTerms): number {
  return Math.min(leaseOf(terms), Math.max(1, Math.floor(terms.ratePerSecond / PARTS)));
}
