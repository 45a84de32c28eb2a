// The header fields of every call, as a Python gRPC client sends them.

export const GRPC_REQUEST_HEADERS = {
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-accept-encoding': 'identity, deflate, gzip',
  'user-agent': 'grpc-python/1.71.0 grpc-c/46.0.0 (linux; chttp2)',
} as const;
