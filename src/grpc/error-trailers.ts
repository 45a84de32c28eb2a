// The header blocks of an error made by the proxy (gRPC over HTTP/2: Trailers-Only and Trailers).
// The HTTP status is always 200: clients read grpc-status, and another HTTP status would be mapped to a worse one.

import { encodeGrpcMessage } from './percent-encoding.ts';

export type HeaderFields = readonly (readonly [name: string, value: string])[];

/** Room for a long sentence with two addresses; far below the 8 KiB that every gRPC client accepts for all fields. */
const MAX_MESSAGE_OCTETS = 1024;

/** Before any response header was sent: the whole response, one HEADERS frame with END_STREAM. */
export function trailersOnly(status: number, message: string): HeaderFields {
  return [[':status', '200'], ['content-type', 'application/grpc'], ...trailers(status, message)];
}

/** After response headers were sent: the trailers, without pseudo-header fields (RFC 9113 section 8.1). */
export function trailers(status: number, message: string): HeaderFields {
  const statusField = ['grpc-status', String(status)] as const;
  if (message === '') return [statusField];
  return [statusField, ['grpc-message', encodeGrpcMessage(message, MAX_MESSAGE_OCTETS)]];
}
