// Tells whether a request or response is gRPC (gRPC over HTTP/2: Content-Type → "application/grpc" [("+proto" / "+json" / …)]).
// This is for native gRPC only: gRPC-Web frames its trailers differently and has its own check.

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
  // Media types are case-insensitive (RFC 9110 section 8.3.1), but nearly all senders use lower case.
  if (!value.startsWith(GRPC) && value.slice(0, GRPC.length).toLowerCase() !== GRPC) return false;
  if (value.length === GRPC.length) return true;
  const next = value.charCodeAt(GRPC.length);
  return next === CODE_PLUS || next === CODE_SEMICOLON || next === CODE_SPACE || next === CODE_TAB;
}
