// What a client that may not call is told, and what the log says in addition. Neither holds a part of the credentials.

import type { Caller } from '../../calls/caller.ts';
import { type Failure, failure } from '../../calls/failure.ts';
import type { AdmittedCall } from '../../calls/policy.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { type Identity, isUnjudged, type Rejection } from '../../identities/identity.ts';

const KEYS_AGAIN_MS = 5000;
const BUSY_AGAIN_MS = 1000;

/**
 * @param wanted the identities that would do
 * @param rejection why the client's credentials are not accepted; undefined if it has sent none
 */
export function unauthenticated(
  wanted: readonly Identity[],
  rejection: Rejection | undefined,
  call: AdmittedCall,
): Failure {
  const challenges = new Set(wanted.map(({ challenge }) => challenge).filter((one) => one !== ''));
  const challenge = challenges.size === 0 ? {} : { challenge: [...challenges].join(', ') };
  if (rejection === undefined) {
    const needed = wanted.map((identity) => identity.wanted).join(', or ');
    const shown = new Set(wanted.map((one) => one.shownInstead(call)).filter((one) => one !== undefined));
    const { clientCertificateFault: fault } = call;
    if (fault !== undefined) shown.add('The client certificate of this connection is not accepted.');
    const message = [`This call needs ${needed}.`, ...shown].join(' ');
    // Which check a certificate has failed would help to forge one.
    const onlyForLog = fault === undefined ? {} : { onlyForLog: ` Why: ${fault}.` };
    return { ...failure('credentials_missing', message), ...onlyForLog, ...challenge };
  }
  if (isUnjudged(rejection)) return { ...couldNotJudge(rejection), ...challenge };
  const { token, sentence, told } = rejection;
  const onlyForLog = ` Why: ${sentence}.${aboutCertificate(call)}`;
  const message =
    told === undefined
      ? 'The credentials of this call are not accepted.'
      : `The credentials of this call are not accepted: ${told}.`;
  return { ...failure(token, message), onlyForLog, ...challenge };
}

/** For the log: a client that was let in without its certificate would perhaps be known by it. */
function aboutCertificate({ clientCertificateFault }: AdmittedCall): string {
  return clientCertificateFault === undefined
    ? ''
    : ` The client certificate of its connection is not accepted: ${clientCertificateFault}.`;
}

/** What a client is told whose credentials were verified neither as good nor as bad. */
export function couldNotJudge({ token, limit, sentence }: Rejection): Failure {
  const onlyForLog = ` Why: ${sentence}.`;
  if (limit === 'failures') {
    const message = 'Too many credentials of this client were not good; call again in a few seconds.';
    return { ...failure('verification_limited', message), onlyForLog };
  }
  const later = { onlyForLog, retryAfterMs: limit === undefined ? KEYS_AGAIN_MS : BUSY_AGAIN_MS };
  if (token === 'keys_unavailable')
    return { ...failure(token, 'The proxy cannot verify credentials now; call again later.'), ...later };
  const whose = limit === 'client' ? 'of this client ' : '';
  const message = `Too many credentials ${whose}are being verified; call again in a second.`;
  // The credentials may be good, so that the client must not throw them away.
  const statuses = { grpcStatus: GrpcStatus.UNAVAILABLE, httpStatus: 503 };
  return { ...failure('verification_limited', message), ...statuses, ...later };
}

/** @param waiting the identities that have said nothing in time */
export function unverified(waiting: readonly Identity[], timeoutMs: number): Failure {
  const whose = waiting.map(({ name, source }) => (source === undefined ? name : `${name} (${source})`));
  return {
    ...failure(
      'policy_unanswered',
      `The credentials of this call could not be verified in ${timeoutMs / 1000} s; call again later.`,
    ),
    onlyForLog: ` Why: the keys of identity ${whose.join(', ')} have not come, or too much waits to be verified.`,
  };
}

/** @param why which rule says so */
export function denied(why: string, callers: readonly Caller[], call: AdmittedCall): Failure {
  const who =
    callers.length === 0 ? 'a client without an identity' : callers.map(({ text }) => text).join(' and ');
  return {
    ...failure('access_denied', 'This client may not make this call.'),
    onlyForLog: ` Why: ${why} for ${who} (access of the route).${aboutCertificate(call)}`,
  };
}

export function expired(callers: readonly Caller[]): Failure {
  return {
    ...failure(
      'credentials_expired',
      'The token with which this call began has expired; call again with a new one.',
    ),
    onlyForLog: ` It was of ${callers.map(({ text }) => text).join(' and ')}.`,
  };
}
