// Maps the status of an HTTP response without grpc-status to a gRPC status (gRPC "HTTP to gRPC Status Code Mapping").
// The mapping is one-way: it must never be used to turn a gRPC status into an HTTP status.

import { GrpcStatus } from './status.ts';

/** @param httpStatus the status of a final response; interim responses (1xx) have no mapping */
export function grpcStatusOfHttpStatus(httpStatus: number): GrpcStatus {
  switch (httpStatus) {
    case 400:
    // Request Header Fields Too Large: the mapping does not list it; grpc-java uses INTERNAL too.
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
    // This includes 200: a successful response without grpc-status is not a gRPC response.
    default:
      return GrpcStatus.UNKNOWN;
  }
}
