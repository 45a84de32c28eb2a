// Responses of our own: Trailers-Only to gRPC clients, a line of text to others.

import type { Failure } from '../calls/failure.ts';
import { trailers, trailersOnly } from '../grpc/error-trailers.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

export interface LocalResponse {
  readonly httpStatus: number;
  readonly fields: HeaderList;
  /** Undefined where the header block is all there is. */
  readonly body: Buffer | undefined;
}

export interface AnsweredRequest {
  readonly isGrpc: boolean;
  readonly isHead: boolean;
}

export function localResponse(cause: Failure, request: AnsweredRequest): LocalResponse {
  const { retryAfterMs } = cause;
  if (request.isGrpc) {
    const fields = HeaderList.of(...trailersOnly(cause.grpcStatus, cause.message));
    // gRPC proposal A6: a client with a retry policy for the status waits as long, and no shorter.
    if (retryAfterMs !== undefined) fields.add('grpc-retry-pushback-ms', String(retryAfterMs));
    return { httpStatus: 200, fields, body: undefined };
  }
  const body = Buffer.from(`${cause.message}\n`);
  const fields = HeaderList.of(
    [':status', String(cause.httpStatus)],
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
  );
  if (retryAfterMs !== undefined) fields.add('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  // HEAD asks for the fields alone (RFC 9110 section 9.3.2).
  return { httpStatus: cause.httpStatus, fields, body: request.isHead ? undefined : body };
}

/** For a gRPC call whose response has begun: the status that ends it. */
export function localTrailers(cause: Failure): HeaderList {
  return HeaderList.of(...trailers(cause.grpcStatus, cause.message));
}
