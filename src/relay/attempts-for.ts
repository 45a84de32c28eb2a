// Decides whether a call has one attempt at a time or several, by the policy of its route.

import { AttemptSeries } from './attempt-series.ts';
import type { Attempts, Call } from './attempts.ts';
import { HedgedAttempts } from './hedged-attempts.ts';
import type { RelayContext } from './relay-context.ts';
import type { StreamRelay } from './stream-relay.ts';

export function attemptsFor(
  context: RelayContext,
  call: Call,
  request: StreamRelay,
  response: StreamRelay,
): Attempts {
  const { plan, isGrpc, decision } = call.subject;
  const hedge = plan.retry?.hedge;
  if (hedge === undefined || !isGrpc || decision.kind !== 'forward' || decision.upstream.protocol === 'http1')
    return new AttemptSeries(context, call, request, response);
  return new HedgedAttempts(context, call, { request, response, hedge, upstream: decision.upstream });
}
