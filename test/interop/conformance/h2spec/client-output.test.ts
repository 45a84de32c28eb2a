import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClientOutput } from './client-output.ts';

const output = `Generic tests for HTTP/2 client
  5. Streams and Multiplexing
    5.1. Stream States
      ✔ 1: idle: Sends a DATA frame
      × 2: closed: Sends a HEADERS frame
        -> The endpoint MUST treat this as a connection error of type STREAM_CLOSED.
           Expected: GOAWAY Frame (Error Code: STREAM_CLOSED)
             Actual: Timeout

  6. Frame Definitions
    6.1. DATA
      ✔ 1: Sends a DATA frame with 0x0 stream identifier

Failures: 

Generic tests for HTTP/2 client
  5. Streams and Multiplexing
    5.1. Stream States
      × 2: closed: Sends a HEADERS frame
`;

test('cases are named by section, number and title, and a failed one ends with what was seen', () => {
  const cases = readClientOutput(output);
  assert.deepEqual(
    cases.map(({ name, outcome }) => [name, outcome]),
    [
      ['5.1/1: idle: Sends a DATA frame', 'passed'],
      ['5.1/2: closed: Sends a HEADERS frame', 'failed'],
      ['6.1/1: Sends a DATA frame with 0x0 stream identifier', 'passed'],
    ],
  );
  assert.equal(cases[1].detail.split('\n').at(-1), 'Actual: Timeout');
});
