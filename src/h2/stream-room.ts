// What one stream has room for, as reports show it. Made only when somebody asks.

export interface StreamRoom {
  /** How many bytes the peer lets us send on the stream. Can be negative. Undefined where the protocol has no windows (HTTP/1.1). */
  readonly sendWindow: number | undefined;
  /** How many bytes we let the peer send on the stream. */
  readonly receiveWindow: number | undefined;
  /** The same for the whole connection, which other streams share. */
  readonly connectionSendWindow: number | undefined;
  readonly connectionReceiveWindow: number | undefined;
  /** Bytes that were written for the peer and that its socket has not taken, of all streams that share the connection. */
  readonly unsentBytes: number;
  /** For how long the peer has taken none of the unsent bytes, in milliseconds. Undefined where this is not known of one stream. */
  readonly unsentMs?: number;
  /** Bytes that a translator in front of the stream holds. */
  readonly heldBytes: number;
  /** Whether nothing is read from the peer before the other side has taken more. */
  readonly isPaused: boolean;
}
