// How many places an upstream has for calls, those that are taken included.

import type { Availability } from './availability.ts';
import type { Endpoint } from './endpoint.ts';

/** @param most how many the configuration allows. @returns Infinity while an endpoint does not say how many it has */
export function countPlaces<Candidate extends Endpoint>(
  endpoints: readonly Candidate[],
  availability: Pick<Availability<Candidate>, 'candidates' | 'isOpen'>,
  most: number,
): number {
  let count = 0;
  // Endpoints that get no calls now have no places to give, only those that are taken.
  for (const { activeCalls } of endpoints) count += activeCalls;
  for (const endpoint of availability.candidates)
    if (availability.isOpen(endpoint)) count += endpoint.places - endpoint.activeCalls;
  return Math.min(count, most);
}
