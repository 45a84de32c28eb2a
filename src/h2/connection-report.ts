// What a connection has carried, as reports show it. Made only when somebody asks.

export interface ConnectionReport {
  /** By their identifiers: those that a peer has skipped count, too. */
  readonly streamsStarted: number;
  /** Streams that ended by a reset, or that the peer has not processed, and not by END_STREAM on both sides. */
  readonly streamsFailed: number;
  readonly streamsOpen: number;
  /** How many bytes the peer lets us send on the connection, beside what it allows for each stream. */
  readonly sendWindow: number;
  /** How many bytes we let the peer send. */
  readonly receiveWindow: number;
}
