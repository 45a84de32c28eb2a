// Tells whether a request or response is gRPC (gRPC over HTTP/2: Content-Type → "application/grpc" [("+proto" / "+json" / …)]).
// This is for native gRPC only: gRPC-Web frames its trailers differently and has its own check.

import { parseGrpcWebType } from './grpc-web-content-type.ts';

const GRPC = 'application/grpc';
const CODE_PLUS = 0x2b;
const CODE_SEMICOLON = 0x3b;
const CODE_SPACE = 0x20;
const CODE_TAB = 0x09;

/**
 * @returns true for `application/grpc` in any case, alone or followed by `+`, `;` or white space; false for
 * `application/grpc-web`
 */
export function isGrpcContentType(value: string | undefined): boolean {
  if (value === undefined || value === GRPC) return value !== undefined;
  if (!beginsAsGrpc(value)) return false;
  if (value.length === GRPC.length) return true;
  const next = value.charCodeAt(GRPC.length);
  return next === CODE_PLUS || next === CODE_SEMICOLON || next === CODE_SPACE || next === CODE_TAB;
}

/**
 * @returns true for what begins with `application/grpc` and is neither gRPC nor gRPC-Web, such as `application/grpcx`. Some gRPC services
 * look at no more than the beginning.
 */
export function isMalformedGrpcType(value: string | undefined): boolean {
  if (value === undefined || !beginsAsGrpc(value)) return false;
  return !isGrpcContentType(value) && parseGrpcWebType(value) === undefined;
}

function beginsAsGrpc(value: string): boolean {
  // Media types are case-insensitive (RFC 9110 section 8.3.1), but nearly all senders use lower case.
  return value.startsWith(GRPC) || value.slice(0, GRPC.length).toLowerCase() === GRPC;
}
