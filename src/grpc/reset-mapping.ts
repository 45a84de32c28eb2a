// What a RST_STREAM from the service means to a gRPC client (gRPC over HTTP/2, section "Errors").
// Only for an end that cannot be relayed as a reset: where the same code can be passed on, it is.

import { GrpcStatus } from './status.ts';

/** Index: error code of RFC 9113 section 7. */
const STATUS_BY_ERROR_CODE: readonly GrpcStatus[] = [
  GrpcStatus.INTERNAL, // 0x0 NO_ERROR
  GrpcStatus.INTERNAL, // 0x1 PROTOCOL_ERROR
  GrpcStatus.INTERNAL, // 0x2 INTERNAL_ERROR
  GrpcStatus.INTERNAL, // 0x3 FLOW_CONTROL_ERROR
  GrpcStatus.INTERNAL, // 0x4 SETTINGS_TIMEOUT
  GrpcStatus.INTERNAL, // 0x5 STREAM_CLOSED: gRPC names no status, as no open stream is left; grpc-go says INTERNAL too
  GrpcStatus.INTERNAL, // 0x6 FRAME_SIZE_ERROR
  GrpcStatus.UNAVAILABLE, // 0x7 REFUSED_STREAM: not processed, may be retried
  GrpcStatus.CANCELLED, // 0x8 CANCEL
  GrpcStatus.INTERNAL, // 0x9 COMPRESSION_ERROR
  GrpcStatus.INTERNAL, // 0xa CONNECT_ERROR
  GrpcStatus.RESOURCE_EXHAUSTED, // 0xb ENHANCE_YOUR_CALM
  GrpcStatus.PERMISSION_DENIED, // 0xc INADEQUATE_SECURITY
  GrpcStatus.INTERNAL, // 0xd HTTP_1_1_REQUIRED: not in gRPC's table; grpc-go says INTERNAL
];

/** Unknown codes count as INTERNAL_ERROR (RFC 9113 section 7). */
export function grpcStatusOfReset(errorCode: number): GrpcStatus {
  return STATUS_BY_ERROR_CODE[errorCode] ?? GrpcStatus.INTERNAL;
}
