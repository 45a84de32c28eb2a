// The life of a stream as a table (RFC 9113 section 5.1). Server push is off in both of our roles, so the reserved
// states of the RFC's diagram cannot be reached and are left out:
//
//                  +--------+
//        send H /  |  idle  |  recv H
//            ,-----|        |-----.
//            v     +--------+     v
//                  +--------+
//     ,------------|  open  |------------.
//     | recv ES    |        |   send ES  |
//     v            +--------+            v
//  +-------------+      |      +-------------+
//  | half-closed |      |      | half-closed |
//  |  (remote)   |      |      |   (local)   |
//  +-------------+      |      +-------------+
//     | send ES / R     | R            | recv ES / R
//     `------------> +--------+ <------'
//                    | closed |
//                    +--------+
//     H: HEADERS, ES: END_STREAM, R: RST_STREAM sent or received

export const StreamState = {
  IDLE: 0,
  OPEN: 1,
  HALF_CLOSED_LOCAL: 2,
  HALF_CLOSED_REMOTE: 3,
  CLOSED: 4,
} as const;

export const StreamInput = {
  SEND_HEADERS: 0,
  SEND_DATA: 1,
  SEND_END_STREAM: 2,
  SEND_RST_STREAM: 3,
  RECEIVE_HEADERS: 4,
  RECEIVE_DATA: 5,
  RECEIVE_END_STREAM: 6,
  RECEIVE_RST_STREAM: 7,
  RECEIVE_WINDOW_UPDATE: 8,
} as const;

/** What a cell may hold instead of a next state. All values are above the states, so that one comparison finds a violation. */
export const StreamViolation = {
  /** A frame other than HEADERS on an idle stream: connection error PROTOCOL_ERROR (section 5.1). */
  IDLE: 8,
  /** DATA or HEADERS after the peer's END_STREAM: stream error STREAM_CLOSED (section 5.1). */
  STREAM_CLOSED: 9,
  /** We are about to send what the state forbids: the send is skipped. */
  SEND_FORBIDDEN: 10,
} as const;

export const STREAM_INPUTS = 9;

const { OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, CLOSED } = StreamState;
const V = StreamViolation;

/**
 * A row for each state, a column for each input in the order of StreamInput. HEADERS and DATA with END_STREAM are two inputs: the
 * frame, then the flag. The columns of received RST_STREAM and WINDOW_UPDATE complete the RFC's table; Receiver handles these
 * frames by itself.
 */
// biome-ignore format: a table reads as a table
const TRANSITIONS: Uint8Array = Uint8Array.from([
  // idle: HEADERS opens the stream, whichever side sends it.
  [OPEN, V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, OPEN, V.IDLE, V.IDLE, V.IDLE, V.IDLE],
  // open
  [OPEN, OPEN, HALF_CLOSED_LOCAL, CLOSED, OPEN, OPEN, HALF_CLOSED_REMOTE, CLOSED, OPEN],
  // half-closed (local): we have ended, the peer still sends.
  [
    V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, CLOSED,
    HALF_CLOSED_LOCAL, HALF_CLOSED_LOCAL, CLOSED, CLOSED, HALF_CLOSED_LOCAL,
  ],
  // half-closed (remote): the peer has ended, we still send.
  [
    HALF_CLOSED_REMOTE, HALF_CLOSED_REMOTE, CLOSED, CLOSED,
    V.STREAM_CLOSED, V.STREAM_CLOSED, V.STREAM_CLOSED, CLOSED, HALF_CLOSED_REMOTE,
  ],
  // closed: RST_STREAM and WINDOW_UPDATE may still be in flight and have no effect (section 5.1).
  [
    V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, V.SEND_FORBIDDEN,
    V.STREAM_CLOSED, V.STREAM_CLOSED, V.STREAM_CLOSED, CLOSED, CLOSED,
  ],
].flat());

/** The next state, or one of StreamViolation. */
export function nextStreamState(state: number, input: number): number {
  return TRANSITIONS[state * STREAM_INPUTS + input];
}
