// Decides whether a client's call must not be sent, because it would harm the calls of others on the connections that they share.

import { type Failure, tooManyCancelled, tooManyFaults } from '../calls/failure.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import type { Holding } from './holding.ts';

/** As much of a ClientAccount as is looked at. */
interface Abandoning {
  readonly abandoned: number;
  readonly hasAbandonedTooMany: boolean;
}

/** @returns why the client gets no place at the upstream now, or undefined if it may */
export function refusalOf(account: Abandoning, holding: Holding, upstream: string): Failure | undefined {
  if (account.hasAbandonedTooMany) return tooManyCancelled(account.abandoned);
  return holding.hasFaults && holding.isAtFault(turnNowMs()) ? tooManyFaults(upstream) : undefined;
}
