// Says why an upstream has no place for a call: it has as many calls as its limits allow, or there is no endpoint to wait for.

import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { Endpoint } from './endpoint.ts';

export function streamsFull(upstream: string, most: number): Diagnosis {
  return {
    token: 'upstream_streams_full',
    sentence: `${most} calls run at upstream ${upstream} already (limits.streams).`,
  };
}

export function queueFull(upstream: string, most: number): Diagnosis {
  return {
    token: 'upstream_queue_full',
    sentence: `${most} calls wait for upstream ${upstream} already (limits.pending).`,
  };
}

/** @param whyNone what the source of the endpoints says of there being none */
export function noEndpoint(
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
