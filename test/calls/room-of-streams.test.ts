// The room that streams say they have is what they take: HTTP/2 streams, and what stands in front of one. Those of HTTP/1.1 are in
// test/edges.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallStream } from '../../src/calls/call-stream.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { GrpcWebStream } from '../../src/policies/grpc-web/grpc-web-stream.ts';
import { MessageGate } from '../../src/relay/message-gate.ts';
import * as frames from '../support/frames.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { RecordedStream } from '../support/recorded-stream.ts';
import { takesItsRoom, takesNothing } from '../support/room-of-stream.ts';
import { type Endpoint, opened } from '../support/wire.ts';

const INITIAL_WINDOW_SIZE = 4;
const DEFAULT_WINDOW = 65_535;
const TEXT_PIECE_BYTES = 12_288;

/** A server whose response on stream 1 has begun, with this window for it, and with this one for the connection. */
function serving(streamWindow: number, connectionWindow = 1_000_000): Endpoint {
  const server = opened('server', {}, [INITIAL_WINDOW_SIZE, streamWindow]);
  for (const id of [1, 3]) {
    server.receives(frames.headers(id, frames.requestBlock(), { endStream: true }));
    server.responds(id);
  }
  // The other stream uses up the window that the connection begins with.
  server.receives(frames.windowUpdate(3, DEFAULT_WINDOW));
  assert.equal(server.sends(3, Buffer.alloc(DEFAULT_WINDOW)), DEFAULT_WINDOW);
  if (connectionWindow > 0) server.receives(frames.windowUpdate(0, connectionWindow));
  return server.clears();
}

function webStream(isTextResponse: boolean, room: number): { stream: CallStream; client: RecordedStream } {
  const client = new RecordedStream();
  client.room = room;
  const form = {
    isTextRequest: false,
    isTextResponse,
    isAwaitingContinue: false,
    webResponse: (native: HeaderList) => native,
  };
  const stream = new GrpcWebStream(client.stream, form, () => undefined);
  stream.sendHeaders(HeaderList.of([':status', '200']), false);
  return { stream, client };
}

function gated(message: Buffer): MessageGate {
  const gate = new MessageGate(new RecordedStream().stream, 1, () => undefined);
  assert.equal(gate.sendData(message, 0, message.length, false), message.length);
  return gate;
}

const TAKES_NOTHING: Readonly<Record<string, () => CallStream>> = {
  'an HTTP/2 stream without a window': () => serving(0).stream(1),
  'an HTTP/2 stream whose window is used up': () => {
    const server = serving(10);
    assert.equal(server.sends(1, 'x'.repeat(11)), 10);
    return server.stream(1);
  },
  'an HTTP/2 stream whose connection has no window': () => serving(100_000, 0).stream(1),
  'an HTTP/2 stream behind too much output': () => {
    const server = serving(1_000_000);
    server.sends(1, Buffer.alloc(900_000));
    return server.stream(1);
  },
  'a gRPC-Web stream whose client has no room': () => webStream(false, 0).stream,
  'a gRPC-Web stream that holds a part of a text': () => {
    const { stream } = webStream(true, 3);
    assert.equal(stream.sendData(Buffer.alloc(6), 0, 6, false), 6);
    return stream;
  },
  'a gRPC-Web stream that holds a part of a text, and whose client has room since': () => {
    const { stream, client } = webStream(true, 3);
    assert.equal(stream.sendData(Buffer.alloc(6), 0, 6, false), 6);
    client.room = 1000;
    return stream;
  },
  'a gate behind the last message': () => gated(grpcMessage(Buffer.from('last'))),
};

for (const [what, streamOf] of Object.entries(TAKES_NOTHING))
  test(`${what} says that it has no room, and takes nothing`, () => takesNothing(streamOf(), what));

const TAKES_SOME: Readonly<Record<string, readonly [number, () => CallStream]>> = {
  'an HTTP/2 stream with a window': [10, () => serving(10).stream(1)],
  'an HTTP/2 stream of a connection with a smaller window': [7, () => serving(10, 7).stream(1)],
  'a gRPC-Web stream whose client has some room': [8, () => webStream(false, 8).stream],
  'a gRPC-Web stream of text whose client has no room': [TEXT_PIECE_BYTES, () => webStream(true, 0).stream],
  'a gate before the last message': [
    9,
    () => {
      const target = new RecordedStream();
      target.room = 9;
      return new MessageGate(target.stream, 99_999, () => undefined);
    },
  ],
};

for (const [what, [room, streamOf]] of Object.entries(TAKES_SOME))
  test(`${what} takes what it says that it has room for`, () => {
    const stream = streamOf();
    assert.equal(stream.roomBytes, room);
    takesItsRoom(stream, what);
  });

test('an HTTP/2 stream that has ended takes all, and sends nothing', () => {
  const server = serving(10);
  server.stream(1).reset(8);
  server.clears();
  const stream = server.stream(1);
  assert.equal(stream.roomBytes, Number.POSITIVE_INFINITY);
  takesItsRoom(stream, 'ended');
  server.wants();
});
