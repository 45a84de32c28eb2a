// The cases of grpc/grpc's doc/interop-test-descriptions.md that need no credentials of a cloud, by their names there.

export const commonCases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
  'rpc_soak',
  'channel_soak',
] as const;

/** Without the probe that a server refuses what it was told to expect compressed: grpc-java's takes it as it is. */
export const compressedUnaryCases = ['client_compressed_unary_noprobe', 'server_compressed_unary'] as const;

export const compressedStreamingCases = [
  'client_compressed_streaming_noprobe',
  'server_compressed_streaming',
] as const;

export type InteropCaseName =
  | (typeof commonCases)[number]
  | (typeof compressedUnaryCases)[number]
  | (typeof compressedStreamingCases)[number];

/** Of the two soaks. */
export const soakIterations = { short: 20, full: 500 } as const;
export const caseTimeoutMs = 60_000;
