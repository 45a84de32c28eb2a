// The status codes of gRPC (gRPC "Status codes and their use") and their names.
// A proxy never makes up OK, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE
// or DATA_LOSS itself: those belong to the service.

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

/** Code as text, as it stands in a `grpc-status` field, to its name. */
const NAMES_BY_TEXT: ReadonlyMap<string, string> = new Map(NAMES.map((name, code) => [String(code), name]));

/** 'OK', 'UNAVAILABLE' and so on; a code gRPC does not define comes back as its text. */
export function grpcStatusName(code: number | string): string {
  if (typeof code === 'number') return NAMES[code] ?? String(code);
  return NAMES_BY_TEXT.get(code) ?? code;
}
