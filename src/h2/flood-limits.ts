// How much of what costs its sender little a peer may do before it is a flood. What each is counted by stands in
// flood-guard.ts and where the frame is received; how much time has to pass, in Connection.checkTime.

/** Those without another unit are frames: so many at once, and a tenth of it more for each second. */
export interface FloodLimits {
  /** Streams reset a moment after they were opened and before a response. */
  readonly resets: number;
  /** Streams of a client's that had to be reset because it broke a rule. */
  readonly streamErrors: number;
  readonly pings: number;
  readonly settings: number;
  readonly priorities: number;
  /** Beyond ten for each DATA frame that was sent. */
  readonly windowUpdates: number;
  /** DATA frames in a row that carry nothing and end nothing. */
  readonly emptyData: number;
  readonly unknownFrames: number;
  /** Streams above SETTINGS_MAX_CONCURRENT_STREAMS. */
  readonly refusedStreams: number;
  readonly goAways: number;
  /** Frames on streams that are over, beyond what may have crossed their end. */
  readonly lateFrames: number;
  /** Of one SETTINGS frame. */
  readonly settingsEntries: number;
  /** CONTINUATION frames of one header block, where the largest block allowed does not need more. */
  readonly continuations: number;
  /** Of one call (1xx). */
  readonly interimResponses: number;
  /** Octets of padding beyond those of content that a client may send on a connection. */
  readonly paddingBytes: number;
  /** The same of an upstream, whose connection carries the calls of many clients. */
  readonly upstreamPaddingBytes: number;
}
