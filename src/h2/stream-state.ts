// The life of a stream as a table (RFC 9113 section 5.1). Server push is switched off by both our roles, so that the
// reserved states of the RFC's picture cannot be reached and are left out:
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

/** What a cell may say beside the next state. All are above the states, so that one comparison tells a violation. */
export const StreamViolation = {
  /** A frame other than HEADERS on an idle stream: connection error PROTOCOL_ERROR (section 5.1). */
  IDLE: 8,
  /** DATA or HEADERS after the peer's END_STREAM: stream error STREAM_CLOSED (section 5.1). */
  STREAM_CLOSED: 9,
  /** We are about to send what the state forbids: the send is left out. */
  SEND_FORBIDDEN: 10,
} as const;

export const STREAM_INPUTS = 9;

const { OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, CLOSED } = StreamState;
const V = StreamViolation;

/**
 * Row: state. Column: input, in the order of StreamInput. HEADERS and DATA that carry END_STREAM are two inputs, the
 * frame and then the flag.
 */
// biome-ignore format: a table reads as a table
const TRANSITIONS: Uint8Array = Uint8Array.from([
  // idle: HEADERS opens the stream, whoever sends it.
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
  // closed: RST_STREAM and WINDOW_UPDATE may still be under way and mean nothing (section 5.1).
  [
    V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, V.SEND_FORBIDDEN, V.SEND_FORBIDDEN,
    V.STREAM_CLOSED, V.STREAM_CLOSED, V.STREAM_CLOSED, CLOSED, CLOSED,
  ],
].flat());

/** The next state, or one of StreamViolation. */
export function nextStreamState(state: number, input: number): number {
  return TRANSITIONS[state * STREAM_INPUTS + input];
}
