// Responses that the proxy makes itself: Trailers-Only for gRPC clients, a line of text for others.

import { type Failure, wholeWaitMs } from '../calls/failure.ts';
import { diagnosisCode } from '../diagnosis/codes.ts';
import { trailers, trailersOnly } from '../grpc/error-trailers.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

export interface LocalResponse {
  readonly httpStatus: number;
  readonly fields: HeaderList;
  /** Undefined if the response consists of header fields only. */
  readonly body: Buffer | undefined;
}

export interface AnsweredRequest {
  readonly isGrpc: boolean;
  readonly isHead: boolean;
}

export function localResponse(cause: Failure, request: AnsweredRequest): LocalResponse {
  const { retryAfterMs } = cause;
  if (request.isGrpc) {
    const fields = HeaderList.of(...trailersOnly(cause.grpcStatus, cause.message, codeAfter(cause)));
    // A client with a retry policy for the status waits this long before its next attempt (gRPC proposal A6).
    if (retryAfterMs !== undefined) fields.add('grpc-retry-pushback-ms', String(wholeWaitMs(retryAfterMs)));
    addMetadata(fields, cause);
    return { httpStatus: 200, fields, body: undefined };
  }
  const { httpStatus } = cause;
  const hasContent = httpStatus !== 204 && httpStatus !== 304;
  const body = hasContent
    ? (cause.content ?? Buffer.from(`${cause.message}${codeAfter(cause)}\n`))
    : Buffer.alloc(0);
  const own = cause.fields ?? [];
  const hasType = !hasContent || own.some(([name]) => name === 'content-type');
  const fields = HeaderList.of([':status', String(httpStatus)]);
  if (!hasType) fields.add('content-type', 'text/plain; charset=utf-8');
  if (hasContent) fields.add('content-length', String(body.length));
  for (const [name, value] of own) fields.add(name, value);
  if (retryAfterMs !== undefined && !own.some(([name]) => name === 'retry-after'))
    fields.add('retry-after', String(Math.ceil(wholeWaitMs(retryAfterMs) / 1000)));
  // A response with 401 has a challenge (RFC 9110 section 15.5.2).
  if (cause.challenge !== undefined) fields.add('www-authenticate', cause.challenge);
  // HEAD asks for the fields alone (RFC 9110 section 9.3.2).
  return { httpStatus, fields, body: request.isHead || body.length === 0 ? undefined : body };
}

/**
 * By its code a client finds the page about a failure, and knows that the proxy speaks and not the service.
 * @returns what follows the message: ' (FG3039)', or '' if there is no page, or the message is not the proxy's own
 */
function codeAfter({ token, isServiceText }: Failure): string {
  const code = isServiceText === true ? '' : diagnosisCode(token);
  return code === '' ? '' : ` (${code})`;
}

/** The header fields of the failure are metadata to a gRPC client. The type of a content that it does not get is not. */
function addMetadata(to: HeaderList, { fields = [] }: Failure): void {
  for (const [name, value] of fields) if (name !== 'content-type') to.add(name, value);
}

/** @returns the name of the gRPC status of the response, or '' if it has none */
export function grpcStatusIn({ fields }: LocalResponse): string {
  const status = fields.get('grpc-status');
  return status === undefined ? '' : grpcStatusName(status);
}

/** @returns the trailers that end a gRPC response that has begun */
export function localTrailers(cause: Failure): HeaderList {
  const list = HeaderList.of(...trailers(cause.grpcStatus, cause.message, codeAfter(cause)));
  addMetadata(list, cause);
  const { retryAfterMs } = cause;
  if (retryAfterMs !== undefined) list.add('grpc-retry-pushback-ms', String(wholeWaitMs(retryAfterMs)));
  return list;
}
