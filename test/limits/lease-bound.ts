// How much a limit that several processes share may let pass beyond what it says: the bound that docs/limits.md states.

import { type LeaseTerms, leaseOf } from '../../src/limits/lease-terms.ts';

/**
 * How many tokens may be spent in a time at most, by all processes that share the limit, while the store answers: what the limit allows,
 * half a burst and a lease of each process in advance, and a lease of each that it had kept from before.
 * @param atOnce how many tokens one call takes at once, which a process may have to gather
 */
export function mostAdmitted(terms: LeaseTerms, holders: number, durationMs: number, atOnce = 1): number {
  const allowed = terms.burst + (terms.ratePerSecond * durationMs) / 1000;
  const lease = leaseOf(terms);
  return allowed + terms.burst / 2 + holders * (lease + Math.max(lease, atOnce));
}
