// Walks every cell of the stream table against RFC 9113 section 5.1, written out here a second time as prose rules.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  nextStreamState,
  STREAM_INPUTS,
  StreamInput,
  StreamState,
  StreamViolation,
} from '../../src/h2/stream-state.ts';

type State = keyof typeof StreamState;
type Input = keyof typeof StreamInput;
type Outcome = State | keyof typeof VIOLATIONS;

const VIOLATIONS = {
  'connection error': StreamViolation.IDLE,
  'stream closed': StreamViolation.STREAM_CLOSED,
  'not sent': StreamViolation.SEND_FORBIDDEN,
} as const;

/** Section 5.1, state by state. */
const EXPECTED: Readonly<Record<State, Readonly<Record<Input, Outcome>>>> = {
  // "Sending a HEADERS frame as a client, or receiving a HEADERS frame as a server, causes the stream to become open."
  // "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated as a connection error."
  IDLE: {
    SEND_HEADERS: 'OPEN',
    SEND_DATA: 'not sent',
    SEND_END_STREAM: 'not sent',
    SEND_RST_STREAM: 'not sent',
    RECEIVE_HEADERS: 'OPEN',
    RECEIVE_DATA: 'connection error',
    RECEIVE_END_STREAM: 'connection error',
    RECEIVE_RST_STREAM: 'connection error',
    RECEIVE_WINDOW_UPDATE: 'connection error',
  },
  // "A stream in the open state may be used by both peers to send frames of any type."
  OPEN: {
    SEND_HEADERS: 'OPEN',
    SEND_DATA: 'OPEN',
    SEND_END_STREAM: 'HALF_CLOSED_LOCAL',
    SEND_RST_STREAM: 'CLOSED',
    RECEIVE_HEADERS: 'OPEN',
    RECEIVE_DATA: 'OPEN',
    RECEIVE_END_STREAM: 'HALF_CLOSED_REMOTE',
    RECEIVE_RST_STREAM: 'CLOSED',
    RECEIVE_WINDOW_UPDATE: 'OPEN',
  },
  // "A stream that is in the half-closed (local) state cannot be used for sending frames other than WINDOW_UPDATE,
  // PRIORITY, and RST_STREAM." "An endpoint can receive any type of frame in this state."
  HALF_CLOSED_LOCAL: {
    SEND_HEADERS: 'not sent',
    SEND_DATA: 'not sent',
    SEND_END_STREAM: 'not sent',
    SEND_RST_STREAM: 'CLOSED',
    RECEIVE_HEADERS: 'HALF_CLOSED_LOCAL',
    RECEIVE_DATA: 'HALF_CLOSED_LOCAL',
    RECEIVE_END_STREAM: 'CLOSED',
    RECEIVE_RST_STREAM: 'CLOSED',
    RECEIVE_WINDOW_UPDATE: 'HALF_CLOSED_LOCAL',
  },
  // "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM, for a stream that is
  // in this state, it MUST respond with a stream error of type STREAM_CLOSED."
  HALF_CLOSED_REMOTE: {
    SEND_HEADERS: 'HALF_CLOSED_REMOTE',
    SEND_DATA: 'HALF_CLOSED_REMOTE',
    SEND_END_STREAM: 'CLOSED',
    SEND_RST_STREAM: 'CLOSED',
    RECEIVE_HEADERS: 'stream closed',
    RECEIVE_DATA: 'stream closed',
    RECEIVE_END_STREAM: 'stream closed',
    RECEIVE_RST_STREAM: 'CLOSED',
    RECEIVE_WINDOW_UPDATE: 'HALF_CLOSED_REMOTE',
  },
  // "An endpoint MUST NOT send frames other than PRIORITY on a closed stream." WINDOW_UPDATE and RST_STREAM may arrive
  // for a short time.
  CLOSED: {
    SEND_HEADERS: 'not sent',
    SEND_DATA: 'not sent',
    SEND_END_STREAM: 'not sent',
    SEND_RST_STREAM: 'not sent',
    RECEIVE_HEADERS: 'stream closed',
    RECEIVE_DATA: 'stream closed',
    RECEIVE_END_STREAM: 'stream closed',
    RECEIVE_RST_STREAM: 'CLOSED',
    RECEIVE_WINDOW_UPDATE: 'CLOSED',
  },
};

const STATES: Readonly<Record<string, number>> = StreamState;
const INPUTS: Readonly<Record<string, number>> = StreamInput;
const OUTCOMES: Readonly<Record<string, number>> = { ...StreamState, ...VIOLATIONS };

describe('every cell of the stream table', () => {
  for (const [state, row] of Object.entries(EXPECTED)) {
    for (const [input, outcome] of Object.entries(row)) {
      test(`${input} in state ${state} gives ${outcome}`, () => {
        assert.equal(nextStreamState(STATES[state], INPUTS[input]), OUTCOMES[outcome]);
      });
    }
  }
});

test('the table has one column for each input, numbered from 0', () => {
  assert.deepEqual(
    Object.values(StreamInput),
    Array.from({ length: STREAM_INPUTS }, (_, index) => index),
  );
});

test('one comparison tells a violation from a state', () => {
  const highestState = Math.max(...Object.values(StreamState));
  for (const violation of Object.values(StreamViolation)) assert.ok(violation > highestState);
});
