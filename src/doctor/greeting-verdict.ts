// What is wrong with how a peer begins HTTP/2. The diagnoses are those that calls of the proxy get, for endpoints and for targets alike.

import type { ConnectDetails } from '../diagnosis/connect-details.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { diagnoseUpstreamAnswer } from '../diagnosis/upstream-first-bytes.ts';
import type { DialFailure } from './dial.ts';
import type { Greeting } from './greeting.ts';

/**
 * @param peer the address as the person has written it
 * @returns undefined if nothing is wrong: the peer begins HTTP/2, and does not give the connection up at once
 */
export function diagnoseGreeting(
  seen: Greeting | DialFailure,
  peer: string,
  details: ConnectDetails,
): Diagnosis | undefined {
  if ('failure' in seen) {
    return diagnoseConnectFailure(seen.failure, peer, { ...details, reason: seen.reason });
  }
  const { kind, goAway, isClosed } = seen;
  if (kind === 'http2-settings')
    return goAway === undefined ? undefined : diagnoseConnectFailure('unused', peer);
  // Too few bytes, or none, before the end.
  if (kind === 'need-more' && isClosed) return diagnoseConnectFailure('ECONNRESET', peer, details);
  return diagnoseUpstreamAnswer(kind, peer, details);
}
