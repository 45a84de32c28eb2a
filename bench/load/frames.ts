// The constants of RFC 9113 that the load generator and the echo service need, and their window sizes.

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const FRAME_HEADER_BYTES = 9;
export const DEFAULT_WINDOW = 65_535;
/** The windows are so large that a proxy never waits for credit. */
export const STREAM_WINDOW = 1 << 20;
export const CONNECTION_WINDOW = 1 << 24;

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;

export const Flag = { END_STREAM: 1, ACKNOWLEDGEMENT: 1, END_HEADERS: 4, PADDED: 8 } as const;

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_HEADER_LIST_SIZE: 6,
} as const;
