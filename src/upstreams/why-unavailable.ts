// Why a call cannot wait for any endpoint of an upstream.

import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { Endpoint } from './endpoint.ts';

/** @param whyNone what the source of the endpoints says of there being none */
export function whyUnavailable(
  upstream: string,
  endpoints: readonly Endpoint[],
  whyNone: Diagnosis | undefined,
): Diagnosis {
  for (const { whyNotTried } of endpoints) if (whyNotTried !== undefined) return whyNotTried;
  for (const { exclusion } of endpoints) if (exclusion !== undefined) return exclusion;
  if (endpoints.length > 0)
    return { token: 'upstream_closed', sentence: `Upstream ${upstream} is being taken out of service.` };
  return whyNone ?? { token: 'upstream_closed', sentence: `Upstream ${upstream} has no endpoint now.` };
}
