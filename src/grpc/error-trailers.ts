// The header fields of an error that the proxy generates (gRPC over HTTP/2: Trailers-Only and Trailers).
// The HTTP status is always 200, as gRPC requires; the error itself is in grpc-status.

import { encodeGrpcMessage } from './percent-encoding.ts';

export type HeaderFields = readonly (readonly [name: string, value: string])[];

/** Long enough for a sentence with two addresses, and far below the 8 KiB of header fields that every gRPC client accepts. */
const MAX_MESSAGE_BYTES = 1024;

/** The whole response, if no response headers have been sent yet: one HEADERS frame with END_STREAM. */
export function trailersOnly(status: number, message: string, ending = ''): HeaderFields {
  return [[':status', '200'], ['content-type', 'application/grpc'], ...trailers(status, message, ending)];
}

/**
 * The trailers, if response headers have been sent: they have no pseudo-header fields (RFC 9113 section 8.1).
 * @param ending what follows the message, also one that is cut: printable ASCII without %
 */
export function trailers(status: number, message: string, ending = ''): HeaderFields {
  const statusField = ['grpc-status', String(status)] as const;
  if (message === '') return [statusField];
  const encoded = encodeGrpcMessage(message, MAX_MESSAGE_BYTES - ending.length);
  return [statusField, ['grpc-message', `${encoded}${ending}`]];
}
