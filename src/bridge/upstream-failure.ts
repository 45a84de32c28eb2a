// What a failed attempt is to the client: 503 when there was no connection, 504 when it took too long to make one, 502 for
// everything after that.

import type { Address } from '../config/config.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { diagnoseHttp1Failure } from '../diagnosis/http1-failure.ts';
import { type Failure, unavailable } from '../relay/failure.ts';
import type { AttemptFailure } from './attempt.ts';

/** What a sentence needs to know of an endpoint. */
export interface DescribedEndpoint {
  readonly address: Address;
  readonly isTls: boolean;
  readonly connectTimeoutMs: number;
}

/** A reset that nobody can tell from the end of the service. */
const CLOSED_CODES: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', undefined]);
const TIMEOUT_CODES: ReadonlySet<string | undefined> = new Set(['connect_timeout', 'ETIMEDOUT']);

export function upstreamFailure(failure: AttemptFailure, endpoint: DescribedEndpoint): Failure {
  const { code, reason, isConnected } = failure;
  if (!isConnected) {
    return unavailable(diagnoseConnect(code, endpoint), TIMEOUT_CODES.has(code) ? 504 : 503);
  }
  return unavailable(diagnoseResponse(CLOSED_CODES.has(code) ? 'died' : code, reason, endpoint), 502);
}

export function diagnoseConnect(
  code: string | undefined,
  { address, isTls, connectTimeoutMs }: DescribedEndpoint,
): Diagnosis {
  return diagnoseConnectFailure(code, address.text, { isTls, timeoutMs: connectTimeoutMs });
}

/** The response cannot be passed on. */
export function invalidResponse(endpoint: DescribedEndpoint, why: 'status_out_of_range' | 'fields'): Failure {
  const diagnosis =
    why === 'fields'
      ? invalid(`${endpoint.address.text} answered with header fields that HTTP does not allow`)
      : diagnoseHttp1Failure(why, endpoint.address.text);
  return unavailable(diagnosis, 502);
}

function diagnoseResponse(
  code: string | undefined,
  reason: string | undefined,
  { address, isTls }: DescribedEndpoint,
): Diagnosis {
  if (code === 'unexpected_upgrade') {
    return invalid(`${address.text} switched protocols (status 101) though nobody had asked it to`);
  }
  if (code === 'websocket_accept') {
    return invalid(`${address.text} accepted a WebSocket with a wrong Sec-WebSocket-Accept`);
  }
  return diagnoseHttp1Failure(code, address.text, { isTls, reason });
}

function invalid(what: string): Diagnosis {
  return { token: 'upstream_response_invalid', sentence: `${what}; correct the service.` };
}
