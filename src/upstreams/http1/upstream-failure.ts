// What a failed attempt means for the client: 503 when no connection was made, 504 when making one took too long, 502 for
// everything after that.

import { type Failure, failure as failureOf, unavailable } from '../../calls/failure.ts';
import type { Address } from '../../config/address.ts';
import { diagnoseConnectFailure } from '../../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import { diagnoseHttp1Failure, invalidHttp1Response } from '../../diagnosis/http1-failure.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { HEAD_OVERFLOW } from '../../h1/response-parser.ts';
import type { AttemptFailure } from './request-steps.ts';

/** What the sentence of a diagnosis needs to know about an endpoint. */
export interface DescribedEndpoint {
  readonly address: Address;
  readonly isTls: boolean;
  readonly connectTimeoutMs: number;
}

/** Codes of a reset, which cannot be told from the end of the service. */
const CLOSED_CODES: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', undefined]);
const TIMEOUT_CODES: ReadonlySet<string | undefined> = new Set([
  'connect_timeout',
  'dns_timeout',
  'ETIMEDOUT',
]);

export function upstreamFailure(failure: AttemptFailure, endpoint: DescribedEndpoint): Failure {
  const { code, reason, isConnected, isReused, hasBegun } = failure;
  if (!isConnected) {
    return unavailable(diagnoseConnect(code, endpoint), TIMEOUT_CODES.has(code) ? 504 : 503);
  }
  if (code === HEAD_OVERFLOW) return invalidResponse(endpoint, 'too_large');
  const closed = hasBegun ? 'cut_short' : isReused ? 'closed_idle' : 'died';
  return unavailable(diagnoseResponse(CLOSED_CODES.has(code) ? closed : code, reason, endpoint), 502);
}

export function diagnoseConnect(
  code: string | undefined,
  { address, isTls, connectTimeoutMs }: DescribedEndpoint,
): Diagnosis {
  return diagnoseConnectFailure(code, address.text, { isTls, timeoutMs: connectTimeoutMs });
}

/**
 * The failure for a response that cannot be passed on.
 * @param what what the service did, as the rest of a sentence that begins with its address; 'too_large' for a head or trailers
 */
export function invalidResponse({ address }: DescribedEndpoint, what: string): Failure {
  if (what === 'too_large') return headersTooLarge(address.text);
  return unavailable(invalidHttp1Response(what, address.text), 502);
}

function headersTooLarge(endpoint: string): Failure {
  return failureOf(
    'upstream_headers_too_large',
    `${endpoint} answered with header fields or trailers larger than this proxy accepts; let the service send less, or raise limits.headerListSize and limits.headerFields.`,
  );
}

function diagnoseResponse(
  code: string | undefined,
  reason: string | undefined,
  { address, isTls }: DescribedEndpoint,
): Diagnosis {
  // The reason is our own description of what the service did to a request for a WebSocket, or with an unrequested 101.
  if (code === NOT_AS_ASKED) return invalidHttp1Response(reason ?? '', address.text);
  return diagnoseHttp1Failure(code, address.text, { isTls, reason });
}

/** The `code` of a failed attempt whose `reason` says what the service did, as the rest of a sentence that begins with its address. */
export const NOT_AS_ASKED = 'not_as_asked';

export const UNFIT_REQUEST: Failure = {
  token: 'http1_request_invalid',
  source: 'client',
  isRetryable: false,
  grpcStatus: GrpcStatus.INTERNAL,
  httpStatus: 400,
  message:
    'The method, the path or a field of this request has no form in HTTP/1.1, which its service speaks.',
};
