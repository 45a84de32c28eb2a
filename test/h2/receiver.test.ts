// Receiving under flow control: what is credited, when, and to whom; and what owners are told of DATA.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import * as frames from '../support/frames.ts';
import { type Endpoint, opened } from '../support/wire.ts';

const REQUEST = frames.requestBlock();

/** A server with stream 1 open; windows of 1000 bytes per stream and 2000 for all. */
function receiving(): Endpoint {
  const server = opened('server', { initialWindowBytes: 1_000, connectionWindowBytes: 2_000 });
  return server.receives(frames.headers(1, REQUEST)).clears();
}

function credits(server: Endpoint, id: number, size: number): void {
  server.stream(id).credit(size);
}

describe('credit of the stream', () => {
  test('it is sent at half a window, not before', () => {
    const server = receiving().receives(frames.data(1, Buffer.alloc(700)));
    credits(server, 1, 499);
    server.wants();
    credits(server, 1, 1);
    server.wants('WINDOW_UPDATE stream=1 length=4 increment=500');
    credits(server, 1, 200);
    server.wants();
  });

  test('DATA that nobody consumed is not credited', () => {
    const server = receiving();
    server.receives(frames.data(1, Buffer.alloc(900)), frames.data(1, Buffer.alloc(100))).accepts();
    server.wants('WINDOW_UPDATE stream=0 length=4 increment=1000');
    server.receives(frames.data(1, 'x')).failsStream(1, 'stream_window_exceeded', 'FLOW_CONTROL_ERROR');
  });

  test('what was credited may be sent again', () => {
    const server = receiving().receives(frames.data(1, Buffer.alloc(1_000)));
    credits(server, 1, 1_000);
    server.receives(frames.data(1, Buffer.alloc(1_000))).accepts();
  });

  test('padding is credited at once', () => {
    const server = receiving();
    for (let count = 0; count < 2; count++) server.receives(frames.data(1, 'x', { padding: 250 }));
    server.wants('WINDOW_UPDATE stream=1 length=4 increment=502');
  });

  test('a stream whose peer has ended gets no more credit', () => {
    const server = receiving().receives(frames.data(1, Buffer.alloc(800), { endStream: true }));
    credits(server, 1, 800);
    server.wants();
  });

  test('a closed stream gets no more credit', () => {
    const server = receiving().receives(frames.data(1, Buffer.alloc(800)));
    server.stream(1).reset(ErrorCode.CANCEL);
    server.clears();
    credits(server, 1, 800);
    server.wants();
  });
});

describe('credit of the connection', () => {
  test('it is given on receipt, at half a window, whether anybody consumed the bytes or not', () => {
    const server = receiving().receives(frames.data(1, Buffer.alloc(999)));
    server.wants();
    server.receives(frames.data(1, 'x')).wants('WINDOW_UPDATE stream=0 length=4 increment=1000');
  });

  test('one stream that is not consumed does not stall the others', () => {
    const server = receiving().receives(frames.data(1, Buffer.alloc(1_000)));
    for (let id = 3; id < 23; id += 2) {
      server.receives(frames.headers(id, REQUEST), frames.data(id, Buffer.alloc(900), { endStream: true }));
    }
    server.accepts();
  });

  test('bytes for a stream that we reset count and are credited', () => {
    const server = receiving();
    server.stream(1).reset(ErrorCode.CANCEL);
    server.clears();
    for (let count = 0; count < 4; count++) server.receives(frames.data(1, Buffer.alloc(500)));
    server.accepts();
    assert.equal(frames.splitFrames(server.takesOutput()).length, 2);
  });

  test('bytes for a refused stream count and are credited', () => {
    const server = opened('server', { maxConcurrentStreams: 1, connectionWindowBytes: 2_000 });
    server.receives(frames.headers(1, REQUEST), frames.headers(3, REQUEST)).clears();
    server
      .receives(frames.data(3, Buffer.alloc(1_000)))
      .wants('WINDOW_UPDATE stream=0 length=4 increment=1000');
  });

  test('bytes that break the rules of a stream count and are credited', () => {
    const server = receiving().receives(frames.headers(3, REQUEST, { endStream: true }));
    server.receives(frames.data(3, Buffer.alloc(1_000)));
    server.wants(
      'WINDOW_UPDATE stream=0 length=4 increment=1000',
      'RST_STREAM stream=3 length=4 code=STREAM_CLOSED',
    );
  });

  test('padding counts for the connection', () => {
    const server = receiving();
    for (let count = 0; count < 4; count++) server.receives(frames.data(1, '', { padding: 249 }));
    server.wants(
      'WINDOW_UPDATE stream=1 length=4 increment=500',
      'WINDOW_UPDATE stream=0 length=4 increment=1000',
      'WINDOW_UPDATE stream=1 length=4 increment=500',
    );
  });
});

describe('DATA', () => {
  test('pieces are told as they arrive, the end with the last', () => {
    const server = receiving();
    const bytes = frames.data(1, 'abcdef', { endStream: true });
    server.connection.receive(bytes.subarray(0, 12));
    server.tells('data 1 "abc"');
    server.connection.receive(bytes.subarray(12));
    server.tells('data 1 "def" end');
  });

  test('an empty frame is told only when it ends the stream', () => {
    const server = receiving()
      .receives(frames.data(1, ''), frames.data(1, '', { padding: 3 }))
      .tells();
    server.receives(frames.data(1, '', { endStream: true })).tells('data 1 "" end');
  });

  test('behind padding the end comes with an empty piece', () => {
    const server = receiving().receives(frames.data(1, 'abc', { padding: 3, endStream: true }));
    server.tells('data 1 "abc"', 'data 1 "" end');
  });

  test('the rest of a frame is dropped when the owner resets in the middle of it', () => {
    const server = receiving();
    server.reactions.onData = () => server.stream(1).reset(ErrorCode.CANCEL);
    const bytes = Buffer.concat([frames.data(1, 'abcdef', { endStream: true }), frames.ping()]);
    server.connection.receive(bytes.subarray(0, 12));
    server.connection.receive(bytes.subarray(12));
    server.tells('data 1 "abc"').accepts();
    server.wants(
      'RST_STREAM stream=1 length=4 code=CANCEL',
      'PING stream=0 length=8 ACK data=3132333435363738',
    );
  });

  test('the rest of a frame is dropped when the stream was reset between two chunks', () => {
    const server = receiving();
    const bytes = frames.data(1, 'abcdef');
    server.connection.receive(bytes.subarray(0, 12));
    server.stream(1).reset(ErrorCode.CANCEL);
    server.connection.receive(bytes.subarray(12));
    server.tells('data 1 "abc"').accepts();
  });
});

describe('streams that ended', () => {
  test('frames in flight on 300 streams that we reset at once are ignored, in the server role', () => {
    const server = opened('server', { maxConcurrentStreams: 300, connectionWindowBytes: 1_000_000 });
    const ids = Array.from({ length: 300 }, (_, index) => 1 + 2 * index);
    for (const id of ids) server.receives(frames.headers(id, REQUEST));
    for (const id of ids) server.stream(id).reset(ErrorCode.CANCEL);
    server.clears();
    for (const id of ids) {
      server.receives(frames.data(id, 'x'), frames.headers(id, frames.block(), { endStream: true }));
    }
    server.accepts().wants().tells();
  });

  test('frames in flight on 300 streams that we reset at once are ignored, in the client role', () => {
    const client = opened('client');
    const streams = Array.from({ length: 300 }, () => client.requests());
    for (const stream of streams) stream.reset(ErrorCode.CANCEL);
    client.clears();
    for (const { id } of streams) {
      client.receives(frames.headers(id, frames.responseBlock()), frames.data(id, 'x'));
    }
    client.accepts().wants().tells();
  });

  test('frames for a stream of ours that is forgotten are ignored', () => {
    const client = opened('client');
    for (let count = 0; count < 5_000; count++) client.requests().reset(ErrorCode.CANCEL);
    client.clears().receives(frames.data(1, 'x'), frames.headers(1, frames.responseBlock()));
    client.accepts().wants().tells();
  });

  test('data_after_close: DATA behind the end of a response', () => {
    const client = opened('client');
    client.requests({ endStream: true });
    client.receives(frames.headers(1, frames.responseBlock(), { endStream: true })).clears();
    client.receives(frames.data(1, 'x')).failsStream(1, 'data_after_close', 'STREAM_CLOSED');
  });

  test('DATA in flight on a stream that we reset is ignored even after many others ended', () => {
    const server = receiving();
    server.stream(1).reset(ErrorCode.CANCEL);
    for (let id = 3; id < 303; id += 2) {
      server.receives(frames.headers(id, REQUEST, { endStream: true }));
      server.responds(id, true);
    }
    server.clears();
    server.receives(frames.data(1, 'x'), frames.headers(1, frames.block(), { endStream: true }));
    server.accepts().wants().tells();
  });
});
