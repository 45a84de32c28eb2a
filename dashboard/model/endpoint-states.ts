// What the state of an endpoint means for new calls. `framegate status` counts endpoints by the same rule.

import type { EndpointFigures, EndpointStateName } from '../../src/admin/dashboard-figures.ts';

const GOOD_STATES: readonly EndpointStateName[] = ['in_use', 'standby', 'idle', 'leaving'];

/** Whether nothing is wrong with the endpoint. */
export function isGoodState(state: EndpointStateName): boolean {
  return GOOD_STATES.includes(state);
}

/** Whether new calls can go there. One that is kept out cannot be used, although it gets calls in a panic. */
export function isUsable({ state, usedBy, heardSince }: EndpointFigures): boolean {
  if (state === 'leaving' || state === 'idle') return false;
  if (isGoodState(state)) return true;
  // Some processes give it calls. If another could not reach it, their connections may be as dead, until something comes on one of them.
  return usedBy !== undefined && (state !== 'unreachable' || heardSince === true);
}

/** Whether nobody knows yet if something answers there. */
export function isUntried({
  state,
  connections,
  answered,
  failed,
  givenUp,
  lost,
  timedOut,
  inFlight,
}: EndpointFigures): boolean {
  return state === 'in_use' && connections + answered + failed + givenUp + lost + timedOut + inFlight === 0;
}
