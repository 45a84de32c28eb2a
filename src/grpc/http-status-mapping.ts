// What an HTTP response without a grpc-status means to a gRPC client (gRPC "HTTP to gRPC Status Code Mapping").
// One way only: the table must never be used to turn a gRPC status into an HTTP status.

import { GrpcStatus } from './status.ts';

/** A final response is meant: 1xx statuses are to be skipped before, they have no mapping. */
export function grpcStatusOfHttpStatus(httpStatus: number): GrpcStatus {
  switch (httpStatus) {
    case 400:
    // Request Header Fields Too Large; grpc-java maps it so as well.
    case 431:
      return GrpcStatus.INTERNAL;
    case 401:
      return GrpcStatus.UNAUTHENTICATED;
    case 403:
      return GrpcStatus.PERMISSION_DENIED;
    case 404:
      return GrpcStatus.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus.UNAVAILABLE;
    // 200 too: a response that says all is well but carries no grpc-status is not a gRPC response.
    default:
      return GrpcStatus.UNKNOWN;
  }
}
