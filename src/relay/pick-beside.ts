// Decides which endpoint gets another attempt of a call that already has a running one.

import type { Holding } from '../upstreams/holding.ts';
import type { CallTraits } from '../upstreams/waiter.ts';
import type { CallEndpoint, CallTarget } from './snapshot.ts';

const NONE: readonly never[] = [];

/**
 * @param used where the call has been. As long as another endpoint can be used, none of these is taken, even if no other has room now
 * @returns undefined if there is no room
 */
export function pickBeside(
  upstream: CallTarget,
  holding: Holding,
  used: readonly CallEndpoint[],
  traits: CallTraits,
): CallEndpoint | undefined {
  const other = upstream.pickFor(holding, used, traits);
  if (other !== undefined || hasUsable(upstream, used)) return other;
  return upstream.pickFor(holding, NONE, traits);
}

/** Whether calls go to another endpoint now; one on standby or in doubt gets none, however usable it is. */
function hasUsable(upstream: CallTarget, used: readonly CallEndpoint[]): boolean {
  return upstream.endpoints.some((endpoint) => !used.includes(endpoint) && upstream.getsCalls(endpoint));
}
