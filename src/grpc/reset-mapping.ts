// Maps the error code of an upstream's RST_STREAM to a gRPC status (gRPC over HTTP/2, section "Errors").
// The mapping is used only if the reset cannot be relayed; otherwise the client gets a RST_STREAM with the same code.

import { GrpcStatus } from './status.ts';

/** Indexed by the error codes of RFC 9113 section 7. */
const STATUS_BY_ERROR_CODE: readonly GrpcStatus[] = [
  GrpcStatus.INTERNAL, // 0x0 NO_ERROR
  GrpcStatus.INTERNAL, // 0x1 PROTOCOL_ERROR
  GrpcStatus.INTERNAL, // 0x2 INTERNAL_ERROR
  GrpcStatus.INTERNAL, // 0x3 FLOW_CONTROL_ERROR
  GrpcStatus.INTERNAL, // 0x4 SETTINGS_TIMEOUT
  GrpcStatus.INTERNAL, // 0x5 STREAM_CLOSED: gRPC maps it to nothing because no stream is open; grpc-go uses INTERNAL too
  GrpcStatus.INTERNAL, // 0x6 FRAME_SIZE_ERROR
  GrpcStatus.UNAVAILABLE, // 0x7 REFUSED_STREAM: not processed, may be retried
  GrpcStatus.CANCELLED, // 0x8 CANCEL
  GrpcStatus.INTERNAL, // 0x9 COMPRESSION_ERROR
  GrpcStatus.INTERNAL, // 0xa CONNECT_ERROR
  GrpcStatus.RESOURCE_EXHAUSTED, // 0xb ENHANCE_YOUR_CALM
  GrpcStatus.PERMISSION_DENIED, // 0xc INADEQUATE_SECURITY
  GrpcStatus.INTERNAL, // 0xd HTTP_1_1_REQUIRED: not in gRPC's table; grpc-go uses INTERNAL
];

/** Unknown codes count as INTERNAL_ERROR (RFC 9113 section 7). */
export function grpcStatusOfReset(errorCode: number): GrpcStatus {
  return STATUS_BY_ERROR_CODE[errorCode] ?? GrpcStatus.INTERNAL;
}
