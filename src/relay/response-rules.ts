// Whether a response may be passed on to its client as it is. What the rules of HTTP/2 say of it by itself was checked when
// it arrived; here is what depends on the request, and on what the client accepts.

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

/** Codes by which clients know what to do: to repeat the request, or to use HTTP/1.1 (RFC 9113 section 7). */
const TELLS: ReadonlySet<number> = new Set([ErrorCode.REFUSED_STREAM, ErrorCode.HTTP_1_1_REQUIRED]);

/** Of a final response, or of its head. */
export function whyNotPassedOn(
  head: ResponseHead,
  endStream: boolean,
  request: RequestHead,
  endpoint: string,
): Failure | undefined {
  if (request.isGrpc) return head.whyNotGrpc(endpoint, endStream);
  if (!endStream || head.httpStatus !== 415 || head.contentType !== '' || !request.isToHttp2)
    return undefined;
  // The service has said no more than this number: grpc-js does so.
  return refusedHttp(endpoint, 'answered this request with 415 and no content', 415, request.remedyOfHttp);
}

/** Of a head or a trailer section: whether it is more than the client accepts. */
export function whyTooLarge(
  head: ResponseHead,
  endpoint: string,
  { mostHeaderListBytes }: Pick<ExchangeHome, 'mostHeaderListBytes'>,
): Failure | undefined {
  if (head.fields.sizeBytes <= mostHeaderListBytes) return undefined;
  return responseAboveClient(endpoint, mostHeaderListBytes);
}

/** Of the trailer section of a response that has begun. */
export function whyTrailersNotPassedOn(
  head: ResponseHead,
  isGrpc: boolean,
  endpoint: string,
): Failure | undefined {
  if (!isGrpc || head.grpcStatus !== '') return undefined;
  return noGrpcStatus(endpoint, 'sent trailers without a grpc-status');
}

/**
 * What the client is told where the stream of an attempt was reset; undefined: the reset is passed on.
 * @param violation the rule that the endpoint broke, where the reset is ours
 * @param unanswered the request, as long as no response to it has begun
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
