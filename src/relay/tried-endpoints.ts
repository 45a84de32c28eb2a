// The endpoints that a call was sent to, for its record.

import type { CallEndpoint } from './snapshot.ts';

/** More than one call usually tries. Only calls that no service processes are sent more often. */
const MOST_NAMED = 8;

/** @returns the addresses with one more, unless there are enough */
export function withEndpoint(
  addresses: readonly string[],
  endpoint: CallEndpoint | undefined,
): readonly string[] {
  return endpoint === undefined || addresses.length >= MOST_NAMED
    ? addresses
    : [...addresses, endpoint.address.text];
}
