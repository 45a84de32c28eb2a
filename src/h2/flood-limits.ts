// The limits for frames that cost their sender little. flood-guard.ts says what each limit counts and how fast it refills.

/** Unless stated otherwise, a limit is a number of frames: this many at once, and a tenth of that more each second. */
export interface FloodLimits {
  /** Streams reset right after they were opened, before a response. */
  readonly resets: number;
  /** Streams of a client that had to be reset because the client broke a rule. */
  readonly streamErrors: number;
  readonly pings: number;
  readonly settings: number;
  readonly priorities: number;
  /** A sent DATA frame earns ten more, and a stream that is opened two. */
  readonly windowUpdates: number;
  /** DATA frames in a row that are empty and do not end the stream. */
  readonly emptyData: number;
  readonly unknownFrames: number;
  /** Streams above SETTINGS_MAX_CONCURRENT_STREAMS. */
  readonly refusedStreams: number;
  readonly goAways: number;
  /** Frames on streams that are over, in excess of those that may have been in flight when the stream ended. */
  readonly lateFrames: number;
  /** Entries in one SETTINGS frame. */
  readonly settingsEntries: number;
  /** CONTINUATION frames in one header block. A higher number applies where the largest allowed block needs it. */
  readonly continuations: number;
  /** Interim responses (1xx) to one request. */
  readonly interimResponses: number;
  /** How many bytes of padding in excess of content a client may send on a connection. */
  readonly paddingBytes: number;
  /** As paddingBytes, for an upstream. Its connection carries the calls of many clients. */
  readonly upstreamPaddingBytes: number;
}
