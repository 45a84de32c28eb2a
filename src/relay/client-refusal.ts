// Decides whether a client's call must not be sent, because it would harm the calls of others on the connections that they share.

import { type Failure, tooManyCancelled, tooManyFaults } from '../calls/failure.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import type { ClientAccount } from '../upstreams/client-account.ts';
import type { Holding } from '../upstreams/holding.ts';

/** @returns why the client gets no place at the upstream now, or undefined if it may */
export function refusalOf(account: ClientAccount, holding: Holding, upstream: string): Failure | undefined {
  if (account.hasAbandonedTooMany) return tooManyCancelled(account.abandoned);
  return holding.hasFaults && holding.isAtFault(turnNowMs()) ? tooManyFaults(upstream) : undefined;
}
