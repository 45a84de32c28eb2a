// RFC 9113 section 6: what each frame must look like, and what answers it when it does not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import { type Endpoint, opened } from '../support/wire.ts';

const REQUEST = frames.requestBlock();

/** A server with stream 1 open. */
function requested(): Endpoint {
  return opened('server').receives(frames.headers(1, REQUEST)).clears();
}

describe('6.1 DATA', () => {
  test('data_on_connection: DATA on stream 0', () => {
    requested().receives(frames.data(0, 'x')).failsConnection('data_on_connection', 'PROTOCOL_ERROR');
  });

  test('data_padding_too_long: padding of the length of the payload or more', () => {
    for (const padLength of [3, 255]) {
      const server = requested();
      server.receives(frames.frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([padLength, 0, 0])));
      server.failsConnection('data_padding_too_long', 'PROTOCOL_ERROR');
    }
  });

  test('data_frame_size: no room for the pad length', () => {
    requested()
      .receives(frames.frame(FrameType.DATA, Flag.PADDED, 1))
      .failsConnection('data_frame_size', 'FRAME_SIZE_ERROR');
  });

  test('padding reaches nobody', () => {
    const server = requested().receives(frames.data(1, 'abc', { padding: 200 }));
    server.accepts().tells('data 1 "abc"');
  });
});

describe('6.2 HEADERS', () => {
  test('headers_on_connection: HEADERS on stream 0', () => {
    requested()
      .receives(frames.headers(0, REQUEST))
      .failsConnection('headers_on_connection', 'PROTOCOL_ERROR');
  });

  test('headers_padding_too_long: padding longer than what is left', () => {
    const server = requested();
    server.receives(
      frames.frame(FrameType.HEADERS, Flag.PADDED | Flag.END_HEADERS, 3, Buffer.from([3, 0, 0])),
    );
    server.failsConnection('headers_padding_too_long', 'PROTOCOL_ERROR');
  });

  test('headers_frame_size: too short for its pad length or priority', () => {
    for (const [flags, payload] of [
      [Flag.PADDED, 0],
      [Flag.PRIORITY, 4],
      [Flag.PADDED | Flag.PRIORITY, 5],
    ]) {
      const server = requested();
      server.receives(frames.frame(FrameType.HEADERS, flags | Flag.END_HEADERS, 3, Buffer.alloc(payload)));
      server.failsConnection('headers_frame_size', 'FRAME_SIZE_ERROR');
    }
  });

  test('padding and priority are left out of the block', () => {
    for (const priority of [false, true]) {
      for (const padding of [0, 1, 255]) {
        const server = opened('server');
        server.receives(frames.headers(1, REQUEST, { padding, priority }));
        server.tells('request 1 :method=POST :scheme=https :path=/a.B/C :authority=example.test');
      }
    }
  });
});

describe('6.3 PRIORITY', () => {
  test('priority_on_connection: PRIORITY on stream 0', () => {
    requested().receives(frames.priority(0)).failsConnection('priority_on_connection', 'PROTOCOL_ERROR');
  });

  test('priority_frame_size: another length than 5', () => {
    for (const length of [0, 4, 6]) {
      const server = requested().receives(frames.priority(1, Buffer.alloc(length)));
      server.failsConnection('priority_frame_size', 'FRAME_SIZE_ERROR');
    }
  });

  test('a stream that depends on itself is harmless', () => {
    requested()
      .receives(frames.priority(1, Buffer.from([0, 0, 0, 1, 0])))
      .accepts();
  });
});

describe('6.4 RST_STREAM', () => {
  test('reset_on_connection: RST_STREAM on stream 0', () => {
    requested().receives(frames.resetStream(0, 8)).failsConnection('reset_on_connection', 'PROTOCOL_ERROR');
  });

  test('reset_frame_size: another length than 4', () => {
    for (const length of [0, 3, 5]) {
      const server = requested().receives(frames.frame(FrameType.RST_STREAM, 0, 1, Buffer.alloc(length)));
      server.failsConnection('reset_frame_size', 'FRAME_SIZE_ERROR');
    }
  });

  test('it is never answered by RST_STREAM', () => {
    requested().receives(frames.resetStream(1, 1), frames.resetStream(1, 1)).accepts().wants();
  });
});

describe('6.5 SETTINGS', () => {
  test('settings_on_stream: SETTINGS on a stream', () => {
    requested()
      .receives(frames.frame(FrameType.SETTINGS, 0, 1))
      .failsConnection('settings_on_stream', 'PROTOCOL_ERROR');
  });

  test('settings_frame_size: a length that is no multiple of 6, or an acknowledgement with payload', () => {
    for (const [flags, length] of [
      [0, 5],
      [0, 7],
      [Flag.ACK, 6],
    ]) {
      const server = requested().receives(frames.frame(FrameType.SETTINGS, flags, 0, Buffer.alloc(length)));
      server.failsConnection('settings_frame_size', 'FRAME_SIZE_ERROR');
    }
  });

  test('unknown settings are ignored and acknowledged', () => {
    requested()
      .receives(frames.settings([0x99, 1], [0, 0xffffffff]))
      .accepts()
      .wants('SETTINGS stream=0 length=0 ACK');
  });

  const values: readonly (readonly [
    token: string,
    id: number,
    value: number,
    code: 'PROTOCOL_ERROR' | 'FLOW_CONTROL_ERROR',
  ])[] = [
    ['settings_enable_push', 2, 2, 'PROTOCOL_ERROR'],
    ['settings_initial_window_size', 4, 0x80000000, 'FLOW_CONTROL_ERROR'],
    ['settings_max_frame_size', 5, 16_383, 'PROTOCOL_ERROR'],
    ['settings_max_frame_size', 5, 16_777_216, 'PROTOCOL_ERROR'],
  ];
  for (const [token, id, value, code] of values) {
    test(`${token}: ${value}`, () => {
      requested()
        .receives(frames.settings([id, value]))
        .failsConnection(token, code);
    });
  }

  test('settings_enable_push: a server that sends 1', () => {
    opened('client')
      .receives(frames.settings([2, 1]))
      .failsConnection('settings_enable_push', 'PROTOCOL_ERROR');
  });

  test('settings_too_many_entries', () => {
    const entries = Array.from({ length: 33 }, () => [6, 1] as const);
    requested()
      .receives(frames.settings(...entries))
      .failsConnection('settings_too_many_entries', 'ENHANCE_YOUR_CALM');
  });

  test('values are taken in order: the last of an identifier holds', () => {
    const client = opened('client').receives(frames.settings([3, 1], [3, 7]));
    client.accepts().tells('settings');
    assert.equal(client.connection.peerMaxConcurrentStreams, 7);
  });
});

describe('6.6 PUSH_PROMISE', () => {
  test('push_promise: from a server, although we switched push off', () => {
    const client = opened('client');
    client.requests();
    client.receives(frames.pushPromise(1, 2, REQUEST)).failsConnection('push_promise', 'PROTOCOL_ERROR');
  });

  test('push_promise: from a client', () => {
    requested()
      .receives(frames.pushPromise(1, 2, REQUEST))
      .failsConnection('push_promise', 'PROTOCOL_ERROR');
  });
});

describe('6.7 PING', () => {
  test('a PING is answered with its bytes', () => {
    requested()
      .receives(frames.ping('abcdefgh'), frames.ping('ABCDEFGH'))
      .accepts()
      .wants(
        'PING stream=0 length=8 ACK data=6162636465666768',
        'PING stream=0 length=8 ACK data=4142434445464748',
      );
  });

  test('an acknowledgement is told and not answered', () => {
    const server = requested();
    server.connection.ping(Buffer.from('12345678'));
    server.takesOutput();
    server.receives(frames.pingAcknowledgement()).accepts().wants().tells('ping acknowledged');
  });

  test('an acknowledgement of a PING that nobody sent is not told', () => {
    requested().receives(frames.pingAcknowledgement()).accepts().wants().tells();
  });

  test('ping_on_stream: PING on a stream', () => {
    requested()
      .receives(frames.frame(FrameType.PING, 0, 1, '12345678'))
      .failsConnection('ping_on_stream', 'PROTOCOL_ERROR');
  });

  test('ping_frame_size: another length than 8', () => {
    for (const payload of ['', '1234567', '123456789']) {
      requested().receives(frames.ping(payload)).failsConnection('ping_frame_size', 'FRAME_SIZE_ERROR');
    }
  });
});

describe('6.8 GOAWAY', () => {
  test('goaway_on_stream: GOAWAY on a stream', () => {
    requested()
      .receives(frames.frame(FrameType.GOAWAY, 0, 1, Buffer.alloc(8)))
      .failsConnection('goaway_on_stream', 'PROTOCOL_ERROR');
  });

  test('goaway_frame_size: shorter than 8', () => {
    requested()
      .receives(frames.frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(7)))
      .failsConnection('goaway_frame_size', 'FRAME_SIZE_ERROR');
  });
});

describe('6.9 WINDOW_UPDATE', () => {
  test('window_update_frame_size: another length than 4', () => {
    for (const length of [0, 3, 5]) {
      requested()
        .receives(frames.frame(FrameType.WINDOW_UPDATE, 0, 1, Buffer.alloc(length)))
        .failsConnection('window_update_frame_size', 'FRAME_SIZE_ERROR');
    }
  });

  test('window_update_zero: on a stream it ends the stream', () => {
    requested().receives(frames.windowUpdate(1, 0)).failsStream(1, 'window_update_zero', 'PROTOCOL_ERROR');
  });

  test('window_update_zero: on stream 0 it ends the connection', () => {
    requested().receives(frames.windowUpdate(0, 0)).failsConnection('window_update_zero', 'PROTOCOL_ERROR');
  });

  test('the reserved bit of the increment is ignored', () => {
    requested().receives(frames.windowUpdate(1, 0x80000001)).accepts();
    requested()
      .receives(frames.windowUpdate(0, 0x80000000))
      .failsConnection('window_update_zero', 'PROTOCOL_ERROR');
  });

  test('6.9.1 window_overflow: on a stream it ends the stream', () => {
    requested()
      .receives(frames.windowUpdate(1, 0x7fffffff))
      .failsStream(1, 'window_overflow', 'FLOW_CONTROL_ERROR');
  });

  test('6.9.1 window_overflow: on stream 0 it ends the connection', () => {
    requested()
      .receives(frames.windowUpdate(0, 0x7fffffff))
      .failsConnection('window_overflow', 'FLOW_CONTROL_ERROR');
  });

  test('6.9.2 window_overflow: by SETTINGS it ends the connection', () => {
    const server = requested().receives(frames.windowUpdate(1, 0x7fffffff - 65_535));
    server.receives(frames.settings([4, 65_536])).failsConnection('window_overflow', 'FLOW_CONTROL_ERROR');
  });

  test('6.9.1 connection_window_exceeded: more DATA than the connection allows', () => {
    const server = opened('server', { connectionWindowBytes: 1_000 });
    server.receives(frames.headers(1, REQUEST), frames.data(1, Buffer.alloc(1_001)));
    server.failsConnection('connection_window_exceeded', 'FLOW_CONTROL_ERROR');
  });

  test('6.9.1 stream_window_exceeded: more DATA than the stream allows', () => {
    const server = opened('server', { connectionWindowBytes: 1_048_576 });
    server.receives(frames.headers(1, REQUEST));
    for (let count = 0; count < 3; count++) server.receives(frames.data(1, Buffer.alloc(16_384)));
    server.receives(frames.data(1, Buffer.alloc(16_383))).accepts();
    server.receives(frames.data(1, 'x')).failsStream(1, 'stream_window_exceeded', 'FLOW_CONTROL_ERROR');
  });

  test('6.9.1 stream_window_exceeded: padding counts', () => {
    const server = opened('server', { connectionWindowBytes: 1_048_576 });
    server.receives(frames.headers(1, REQUEST));
    for (let count = 0; count < 3; count++) server.receives(frames.data(1, Buffer.alloc(16_384)));
    server.receives(frames.data(1, Buffer.alloc(16_300), { padding: 83 }));
    server.failsStream(1, 'stream_window_exceeded', 'FLOW_CONTROL_ERROR');
  });
});
