// Decides whether a response may be passed on to its client as it is. The rules of HTTP/2 for the response alone were checked when it arrived.
// The rules here depend on the request and on what the client accepts.

import {
  type Failure,
  noGrpcStatus,
  refusedHttp,
  responseAboveClient,
  upstreamBrokeRule,
} from '../calls/failure.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';
import type { ExchangeHome } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

/** Error codes that tell the client what to do: repeat the request, or use HTTP/1.1 (RFC 9113 section 7). */
const TELLS: ReadonlySet<number> = new Set([ErrorCode.REFUSED_STREAM, ErrorCode.HTTP_1_1_REQUIRED]);

/** @returns why a final response is not passed on, given its head, or undefined */
export function whyNotPassedOn(
  head: ResponseHead,
  endStream: boolean,
  request: RequestHead,
  endpoint: string,
): Failure | undefined {
  if (request.isGrpc) return head.whyNotGrpc(endpoint, endStream);
  if (!endStream || head.httpStatus !== 415 || head.contentType !== '' || !request.isToHttp2)
    return undefined;
  // grpc-js answers requests that are not gRPC calls with this bare status, which does not help the client.
  return refusedHttp(endpoint, 'answered this request with 415 and no content', 415, request.remedyOfHttp);
}

/** @returns why a head or a trailer section is larger than the client accepts, or undefined */
export function whyTooLarge(
  head: ResponseHead,
  endpoint: string,
  { mostHeaderListBytes }: Pick<ExchangeHome, 'mostHeaderListBytes'>,
): Failure | undefined {
  if (head.fields.sizeBytes <= mostHeaderListBytes) return undefined;
  return responseAboveClient(endpoint, mostHeaderListBytes);
}

/** @returns why the trailer section of a response that has begun is not passed on, or undefined */
export function whyTrailersNotPassedOn(
  head: ResponseHead,
  isGrpc: boolean,
  endpoint: string,
): Failure | undefined {
  if (!isGrpc || head.grpcStatus !== '') return undefined;
  return noGrpcStatus(endpoint, 'sent trailers without a grpc-status');
}

/**
 * @param violation the rule that the endpoint broke, if the proxy reset the stream for that
 * @param unanswered the request, if no response to it has begun
 * @returns what to tell the client after a reset of an attempt's stream, or undefined to pass the reset on
 */
export function failureOfReset(
  code: number,
  violation: string | undefined,
  endpoint: string,
  unanswered: RequestHead | undefined,
): Failure | undefined {
  if (violation !== undefined) return upstreamBrokeRule(endpoint, violation);
  if (unanswered?.isToHttp2 !== true || unanswered.isGrpc || TELLS.has(code)) return undefined;
  const what = `reset this request (${errorCodeName(code)}) without an answer`;
  return refusedHttp(endpoint, what, 502, unanswered.remedyOfHttp);
}
