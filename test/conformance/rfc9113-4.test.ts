// RFC 9113 section 4: frames, their size, and field sections.

import { test } from 'node:test';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import { opened } from '../support/wire.ts';

const REQUEST = frames.requestBlock();

test('4.1 frames of unknown type are ignored, on any stream, with any flags and size', () => {
  const server = opened('server');
  for (let type = 0xa; type <= 0x4a; type++) {
    server.receives(frames.frame(type, 0xff, type & 1 ? 0 : 0x7fffffff, Buffer.alloc(type)));
  }
  server.accepts().wants().tells();
});

test('4.1 flags without meaning for a type are ignored', () => {
  const server = opened('server');
  server.receives(
    frames.frame(FrameType.PING, 0xfe, 0, '12345678'),
    frames.frame(FrameType.WINDOW_UPDATE, 0xff, 0, Buffer.from([0, 0, 0, 1])),
    frames.frame(FrameType.SETTINGS, 0xfe, 0),
    frames.frame(FrameType.HEADERS, Flag.END_HEADERS | 0x52, 1, REQUEST),
    frames.frame(FrameType.RST_STREAM, 0xff, 1, Buffer.from([0, 0, 0, 8])),
    frames.frame(FrameType.GOAWAY, 0xff, 0, Buffer.alloc(8)),
  );
  server.accepts();
});

test('4.1 the reserved bit of a stream identifier is ignored', () => {
  const server = opened('server');
  server.receives(frames.headers(0x80000001, REQUEST, { endStream: true }));
  server.accepts().wants();
});

test('4.2 a frame of 2^14 bytes is received', () => {
  const server = opened('server');
  server.receives(frames.headers(1, REQUEST), frames.data(1, Buffer.alloc(16_384)));
  server.accepts();
});

for (const type of [FrameType.DATA, FrameType.HEADERS, FrameType.PING, FrameType.SETTINGS, 0xbe]) {
  test(`4.2 frame_too_large: a frame of type ${type} above 2^14 bytes`, () => {
    const server = opened('server');
    server.receives(frames.frame(type, 0, type === FrameType.SETTINGS ? 0 : 1, Buffer.alloc(16_385)));
    server.failsConnection('frame_too_large', 'FRAME_SIZE_ERROR');
  });
}

test('4.3 hpack_index_out_of_range: a block that cannot be decoded ends the connection', () => {
  const server = opened('server');
  server.receives(frames.headers(1, Buffer.from([0xff, 0x40])));
  server.failsConnection('hpack_index_out_of_range', 'COMPRESSION_ERROR');
});

test('4.3 a block for a stream that is refused is decoded all the same', () => {
  const server = opened('server', { maxConcurrentStreams: 1 });
  // Literal with incremental indexing: later blocks refer to the entry by index 62.
  const inserting = Buffer.concat([REQUEST, Buffer.from([0x40, 1, 0x61, 1, 0x62])]);
  server.receives(frames.headers(1, REQUEST), frames.headers(3, inserting, { endStream: true }));
  server.receives(frames.resetStream(1, 8));
  server.clears();
  server.receives(frames.headers(5, Buffer.concat([REQUEST, Buffer.from([0xbe])]), { endStream: true }));
  server.tells('request 5 :method=POST :scheme=https :path=/a.B/C :authority=example.test a=b end');
});

test('4.3 a block for a stream that was reset by us is decoded all the same', () => {
  const client = opened('client');
  const first = client.requests({ endStream: true });
  client.requests({ endStream: true });
  first.reset(8);
  client.clears();
  const inserting = Buffer.concat([frames.responseBlock(), Buffer.from([0x40, 1, 0x61, 1, 0x62])]);
  client.receives(frames.headers(1, inserting, { endStream: true }));
  client.receives(frames.headers(3, Buffer.from([0x88, 0xbe]), { endStream: true }));
  client.accepts().tells('response 3 :status=200 a=b end');
});

test('4.3 a block may be divided anywhere', () => {
  for (let at = 0; at <= REQUEST.length; at++) {
    const server = opened('server');
    server.receives(
      frames.headers(1, REQUEST.subarray(0, at), { endStream: true, endHeaders: false }),
      frames.continuation(1, REQUEST.subarray(at)),
    );
    server.tells('request 1 :method=POST :scheme=https :path=/a.B/C :authority=example.test end');
  }
});

const BETWEEN: readonly (readonly [name: string, frame: Buffer])[] = [
  ['DATA of the same stream', frames.data(1, 'x')],
  ['HEADERS of the same stream', frames.headers(1, REQUEST)],
  ['HEADERS of another stream', frames.headers(3, REQUEST)],
  ['PRIORITY', frames.priority(1)],
  ['RST_STREAM', frames.resetStream(1, 8)],
  ['SETTINGS', frames.settings()],
  ['PUSH_PROMISE', frames.pushPromise(1, 2, REQUEST)],
  ['PING', frames.ping()],
  ['GOAWAY', frames.goAway(0, 0)],
  ['WINDOW_UPDATE', frames.windowUpdate(0, 1)],
  ['CONTINUATION of another stream', frames.continuation(3, REQUEST)],
  ['a frame of unknown type', frames.frame(0xbe, 0, 0)],
];
for (const [name, frame] of BETWEEN) {
  test(`4.3 and 6.10 continuation_expected: ${name} in the middle of a header block`, () => {
    const server = opened('server');
    server.receives(frames.headers(1, REQUEST.subarray(0, 5), { endHeaders: false }), frame);
    server.failsConnection('continuation_expected', 'PROTOCOL_ERROR');
  });
}

test('6.10 continuation_expected: CONTINUATION without HEADERS', () => {
  const server = opened('server');
  server.receives(frames.continuation(1, REQUEST));
  server.failsConnection('continuation_expected', 'PROTOCOL_ERROR');
});

test('6.10 continuation_expected: CONTINUATION behind END_HEADERS', () => {
  const server = opened('server');
  server.receives(frames.headers(1, REQUEST), frames.continuation(1, REQUEST));
  server.failsConnection('continuation_expected', 'PROTOCOL_ERROR');
});

test('10.5 continuation_flood: more than eight CONTINUATION frames', () => {
  const server = opened('server');
  server.receives(frames.headers(1, Buffer.alloc(0), { endHeaders: false }));
  for (let count = 0; count < 9; count++) server.receives(frames.continuation(1, Buffer.from('x'), false));
  server.failsConnection('continuation_flood', 'ENHANCE_YOUR_CALM');
});

test('10.5 continuation_flood: an empty CONTINUATION', () => {
  const server = opened('server');
  server.receives(
    frames.headers(1, REQUEST, { endHeaders: false }),
    frames.continuation(1, Buffer.alloc(0), false),
  );
  server.failsConnection('continuation_flood', 'ENHANCE_YOUR_CALM');
});

test('10.5 header_block_too_large: a block above twice the announced list size', () => {
  const server = opened('server', { maxHeaderListBytes: 4_096 });
  server.receives(
    frames.headers(1, REQUEST, { endHeaders: false }),
    frames.continuation(1, Buffer.alloc(8_192), false),
  );
  server.failsConnection('header_block_too_large', 'ENHANCE_YOUR_CALM');
});
