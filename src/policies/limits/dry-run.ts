// What a limit with `dryRun` does in place of refusing, ending or pacing a call: the call passes, its record says so, and a metric counts it.

import type { AdmittedCall } from '../../calls/policy.ts';
import { limitLabel, type RouteLimitConfig } from '../../config/limits-config.ts';
import type { QuotaSource } from '../../limits/quotas.ts';

/** Is told that the limit would have acted on a call. Must be called once for each call at most. */
export type TellDryRun = (call: Pick<AdmittedCall, 'noteFault'>) => void;

/** @param index of the limit among those of the route. @returns undefined if the limit is not only tried */
export function dryRunOf(
  limit: RouteLimitConfig,
  index: number,
  route: string,
  quotas: Pick<QuotaSource, 'tried'>,
): TellDryRun | undefined {
  if (limit.dryRun !== true) return undefined;
  const label = limitLabel(limit);
  const note = {
    kind: 'dryRun',
    text: `would be ${deedOf(limit)} by limits[${index}] (${label})`,
  } as const;
  return (call) => {
    call.noteFault(note);
    quotas.tried(route, label);
  };
}

/** @returns calls the function the first time */
export function once(tell: () => void): () => void {
  let isTold = false;
  return () => {
    if (isTold) return;
    isTold = true;
    tell();
  };
}

function deedOf(limit: RouteLimitConfig): string {
  if (limit.kind === 'rate') return { refuse: 'refused', end: 'ended', slow: 'paced' }[limit.exceed];
  return limit.kind === 'messageSize' ? 'ended' : 'refused';
}
