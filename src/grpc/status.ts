// The status codes of gRPC (gRPC "Status codes and their use") and their names.
// A proxy never generates OK, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE or
// DATA_LOSS itself: only a service may.

export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

const NAMES: readonly string[] = Object.keys(GrpcStatus);

/** Maps a code as the text of a `grpc-status` field to its name. */
const NAMES_BY_TEXT: ReadonlyMap<string, string> = new Map(NAMES.map((name, code) => [String(code), name]));

/** @returns 'OK', 'UNAVAILABLE' and so on, or the text of the code if gRPC does not define it */
export function grpcStatusName(code: number | string): string {
  if (typeof code === 'number') return NAMES[code] ?? String(code);
  return NAMES_BY_TEXT.get(code) ?? code;
}
