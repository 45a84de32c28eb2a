// RFC 9113 section 5.1: streams, their states, identifiers and number.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { StreamState } from '../../src/h2/stream-state.ts';
import * as frames from '../support/frames.ts';
import { type Endpoint, opened } from '../support/wire.ts';

const REQUEST = frames.requestBlock();
const RESPONSE = frames.responseBlock();

/** A server with stream 1 half-closed (remote). */
function requested(): Endpoint {
  return opened('server')
    .receives(frames.headers(1, REQUEST, { endStream: true }))
    .clears();
}

/** A server that has answered stream 1, so that it is closed. */
function answered(): Endpoint {
  const server = requested();
  server.responds(1, true);
  return server.clears();
}

describe('5.1 idle', () => {
  const cases: readonly (readonly [name: string, frame: Buffer])[] = [
    ['DATA', frames.data(5, 'x')],
    ['RST_STREAM', frames.resetStream(5, 8)],
    ['WINDOW_UPDATE', frames.windowUpdate(5, 1)],
  ];
  for (const [name, frame] of cases) {
    test(`stream_idle: ${name} on an idle stream, in both roles`, () => {
      const server = opened('server').receives(frame);
      server.failsConnection('stream_idle', 'PROTOCOL_ERROR');
      const client = opened('client').receives(frame);
      client.failsConnection('stream_idle', 'PROTOCOL_ERROR');
    });

    test(`stream_idle: ${name} on a stream that is ours to open`, () => {
      const server = opened('server').receives(Buffer.from(frame).fill(6, 8, 9));
      server.failsConnection('stream_idle', 'PROTOCOL_ERROR');
    });
  }

  test('stream_idle: a frame on a stream opened here whose HEADERS were not sent yet', () => {
    for (const frame of [frames.data(3, 'x'), frames.resetStream(3, 8), frames.windowUpdate(3, 1)]) {
      const client = opened('client');
      client.connection.openStream(client.requests().owner);
      client.receives(frame).failsConnection('stream_idle', 'PROTOCOL_ERROR');
    }
  });

  test('a response on a stream opened here whose HEADERS were not sent yet is told to nobody', () => {
    const client = opened('client');
    const stream = client.connection.openStream(client.requests().owner);
    client.clears().receives(frames.headers(3, RESPONSE)).tells();
    assert.equal(stream.state, StreamState.IDLE);
  });

  test('PRIORITY is taken in any state', () => {
    const server = answered();
    server.receives(frames.priority(1), frames.priority(9), frames.priority(2)).accepts().wants();
  });
});

describe('5.1 half-closed (remote)', () => {
  test('data_after_end: DATA behind END_STREAM', () => {
    const server = requested().receives(frames.data(1, 'x'));
    server.failsStream(1, 'data_after_end', 'STREAM_CLOSED');
    server.tells('reset 1 STREAM_CLOSED data_after_end', 'violation data_after_end');
  });

  test('headers_after_end: HEADERS behind END_STREAM', () => {
    const server = requested().receives(frames.headers(1, REQUEST, { endStream: true }));
    server.failsStream(1, 'headers_after_end', 'STREAM_CLOSED');
  });

  test('WINDOW_UPDATE, PRIORITY and RST_STREAM are taken', () => {
    const server = requested();
    server.receives(frames.windowUpdate(1, 1), frames.priority(1), frames.resetStream(1, ErrorCode.CANCEL));
    server.accepts().tells('reset 1 CANCEL');
  });
});

describe('5.1 closed', () => {
  test('headers_after_close: HEADERS on a closed stream end the connection', () => {
    const server = answered().receives(frames.headers(1, REQUEST, { endStream: true }));
    server.failsConnection('headers_after_close', 'STREAM_CLOSED');
  });

  test('data_after_close: DATA on a closed stream', () => {
    const server = answered().receives(frames.data(1, 'x'));
    server.failsStream(1, 'data_after_close', 'STREAM_CLOSED');
  });

  test('data_after_close: only the first DATA is answered', () => {
    const server = answered().receives(frames.data(1, 'x'));
    server.clears().receives(frames.data(1, 'x'), frames.data(1, 'x')).wants();
  });

  test('data_after_close: DATA behind the RST_STREAM of the same peer', () => {
    const server = requested().receives(frames.resetStream(1, 8));
    server.clears().receives(frames.data(1, 'x'));
    server.failsStream(1, 'data_after_close', 'STREAM_CLOSED');
  });

  test('headers_after_close: HEADERS behind the RST_STREAM of the same peer', () => {
    const server = requested().receives(frames.resetStream(1, 8), frames.headers(1, REQUEST));
    server.failsConnection('headers_after_close', 'STREAM_CLOSED');
  });

  test('WINDOW_UPDATE and RST_STREAM on a closed stream are ignored', () => {
    const server = answered();
    server.receives(frames.windowUpdate(1, 1), frames.resetStream(1, 8), frames.windowUpdate(1, 0));
    server.accepts().wants().tells();
  });

  test('whatever arrives on a stream that we reset is ignored', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST));
    server.stream(1).reset(ErrorCode.CANCEL);
    server.clears();
    server.receives(
      frames.data(1, 'x'),
      frames.windowUpdate(1, 1),
      frames.headers(1, frames.block(['x', 'y']), { endStream: true }),
      frames.resetStream(1, 8),
    );
    server.accepts().wants().tells();
  });
});

describe('5.1.1 identifiers', () => {
  test('stream_id_invalid: an even identifier from a client', () => {
    const server = opened('server').receives(frames.headers(2, REQUEST));
    server.failsConnection('stream_id_invalid', 'PROTOCOL_ERROR');
  });

  test('stream_id_invalid: a stream opened by the server', () => {
    const client = opened('client').receives(frames.headers(2, RESPONSE));
    client.failsConnection('stream_id_invalid', 'PROTOCOL_ERROR');
  });

  test('stream_id_invalid: a response to a request that was never sent', () => {
    const client = opened('client').receives(frames.headers(1, RESPONSE));
    client.failsConnection('stream_id_invalid', 'PROTOCOL_ERROR');
  });

  test('stream_id_invalid: an identifier below one that was used', () => {
    const server = opened('server').receives(frames.headers(5, REQUEST), frames.headers(3, REQUEST));
    server.failsConnection('stream_id_invalid', 'PROTOCOL_ERROR');
  });

  test('identifiers may be skipped, up to the highest', () => {
    const server = opened('server');
    server.receives(frames.headers(7, REQUEST), frames.headers(0x7fffffff, REQUEST)).accepts();
    assert.equal(server.connection.streamCount, 2);
  });
});

describe('5.1.2 concurrency', () => {
  test('a stream above MAX_CONCURRENT_STREAMS is refused, the others go on', () => {
    const server = opened('server', { maxConcurrentStreams: 2 });
    for (const id of [1, 3, 5]) server.receives(frames.headers(id, REQUEST));
    server.accepts().wants('RST_STREAM stream=5 length=4 code=REFUSED_STREAM');
    assert.equal(server.connection.streamCount, 2);
  });

  test('frames under way on a refused stream are ignored', () => {
    const server = opened('server', { maxConcurrentStreams: 1 });
    server.receives(frames.headers(1, REQUEST), frames.headers(3, REQUEST)).clears();
    server.receives(frames.data(3, 'x'), frames.headers(3, frames.block(), { endStream: true }));
    server.accepts().wants().tells();
  });

  test('half-closed streams count, closed ones do not', () => {
    const server = opened('server', { maxConcurrentStreams: 1 });
    server.receives(frames.headers(1, REQUEST, { endStream: true }));
    server.responds(1, true);
    server.clears().receives(frames.headers(3, REQUEST, { endStream: true }));
    server.wants();
    server.receives(frames.headers(5, REQUEST)).wants('RST_STREAM stream=5 length=4 code=REFUSED_STREAM');
  });
});
