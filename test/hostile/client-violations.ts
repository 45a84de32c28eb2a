// Rows F9, F14 and F16: single frames that break a connection, or a stream, for every rule of frames there is.

import { ErrorCode } from '../../src/h2/error-codes.ts';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { grpcBlock } from './attacker.ts';
import { connectionViolations, streamViolations, type Violation } from './client-attacks.ts';

const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED } = ErrorCode;
const LARGEST_WINDOW = 0x7fff_ffff;

function breaks(token: string, code: number, ...bytes: readonly Buffer[]): Violation {
  return { token, code, bytes: () => Buffer.concat(bytes) };
}

/** With stream 1 open, its request ended or not. */
function breaksOpened(
  token: string,
  code: number,
  endStream: boolean,
  ...bytes: readonly Buffer[]
): Violation {
  return {
    token,
    code,
    bytes: (path) => Buffer.concat([frames.headers(1, grpcBlock(path), { endStream }), ...bytes]),
  };
}

/** A frame header that announces `length` bytes, and nothing of them. */
function announced(type: number, length: number): Buffer {
  const header = frames.frame(type, 0, 1);
  header.writeUIntBE(length, 0, 3);
  return header;
}

const windows = connectionViolations(
  { id: 'F9', name: 'Connection windows: 0 and overflow', isShort: true },
  [
    breaks('window_update_zero', PROTOCOL_ERROR, frames.windowUpdate(0, 0)),
    breaks('window_overflow', FLOW_CONTROL_ERROR, frames.windowUpdate(0, LARGEST_WINDOW)),
    breaksOpened(
      'window_overflow',
      FLOW_CONTROL_ERROR,
      false,
      frames.windowUpdate(1, LARGEST_WINDOW - 65_535),
      frames.settings([SettingId.INITIAL_WINDOW_SIZE, 65_536]),
    ),
  ],
);

const padding = connectionViolations({ id: 'F14', name: 'Padding longer than its frame' }, [
  breaksOpened(
    'data_padding_too_long',
    PROTOCOL_ERROR,
    false,
    frames.frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([2, 0])),
  ),
  breaksOpened('data_frame_size', FRAME_SIZE_ERROR, false, frames.frame(FrameType.DATA, Flag.PADDED, 1)),
  breaks(
    'headers_padding_too_long',
    PROTOCOL_ERROR,
    frames.frame(FrameType.HEADERS, Flag.PADDED | Flag.END_HEADERS, 1, Buffer.from([9, 0])),
  ),
  breaks(
    'headers_frame_size',
    FRAME_SIZE_ERROR,
    frames.frame(FrameType.HEADERS, Flag.PRIORITY | Flag.END_HEADERS, 1, Buffer.alloc(4)),
  ),
]);

const identifiers = connectionViolations({ id: 'F16', name: 'Stream identifiers out of order' }, [
  breaks('stream_id_invalid', PROTOCOL_ERROR, frames.headers(2, frames.requestBlock())),
  {
    token: 'stream_id_invalid',
    code: PROTOCOL_ERROR,
    bytes: (path) => Buffer.concat([frames.headers(5, grpcBlock(path)), frames.headers(3, grpcBlock(path))]),
  },
  breaksOpened(
    'headers_after_close',
    STREAM_CLOSED,
    true,
    frames.resetStream(1, ErrorCode.CANCEL),
    frames.headers(1, frames.requestBlock()),
  ),
  breaks('stream_idle', PROTOCOL_ERROR, frames.data(1, 'x')),
  breaks('stream_idle', PROTOCOL_ERROR, frames.resetStream(1, ErrorCode.CANCEL)),
  breaks('stream_idle', PROTOCOL_ERROR, frames.windowUpdate(1, 1)),
  breaks('push_promise', PROTOCOL_ERROR, frames.pushPromise(1, 2, frames.requestBlock())),
]);

const zeroStream = connectionViolations({ id: 'F16', name: 'Frames on the wrong kind of stream' }, [
  breaks('headers_on_connection', PROTOCOL_ERROR, frames.headers(0, frames.requestBlock())),
  breaks('data_on_connection', PROTOCOL_ERROR, frames.data(0, 'x')),
  breaks('reset_on_connection', PROTOCOL_ERROR, frames.resetStream(0, 8)),
  breaks('priority_on_connection', PROTOCOL_ERROR, frames.priority(0)),
  breaks('settings_on_stream', PROTOCOL_ERROR, frames.frame(FrameType.SETTINGS, 0, 1)),
  breaks('ping_on_stream', PROTOCOL_ERROR, frames.frame(FrameType.PING, 0, 1, '12345678')),
  breaks('goaway_on_stream', PROTOCOL_ERROR, frames.frame(FrameType.GOAWAY, 0, 1, Buffer.alloc(8))),
  breaks('continuation_expected', PROTOCOL_ERROR, frames.continuation(1, frames.requestBlock())),
  breaks(
    'continuation_expected',
    PROTOCOL_ERROR,
    frames.headers(1, frames.requestBlock(), { endHeaders: false }),
    frames.ping(),
  ),
]);

const excess = connectionViolations({ id: 'F16', name: 'DATA far beyond the window of its stream' }, [
  // The upstream takes 64 KiB and gives no credit; the stream's window is 128 KiB: it is reset first, and the connection ends when DATA goes on.
  breaksOpened(
    'late_data_exceeded',
    FLOW_CONTROL_ERROR,
    false,
    ...Array.from({ length: 20 }, () => frames.data(1, Buffer.alloc(16_384))),
  ),
]);

const sizes = connectionViolations({ id: 'F16', name: 'Frames of a wrong size, SETTINGS out of range' }, [
  breaks('frame_too_large', FRAME_SIZE_ERROR, announced(FrameType.DATA, 16_385)),
  breaks('frame_too_large', FRAME_SIZE_ERROR, announced(FrameType.HEADERS, 0xff_ffff)),
  breaks('frame_too_large', FRAME_SIZE_ERROR, announced(0xbe, 0xff_ffff)),
  breaks('settings_frame_size', FRAME_SIZE_ERROR, frames.frame(FrameType.SETTINGS, 0, 0, 'abc')),
  breaks('settings_frame_size', FRAME_SIZE_ERROR, frames.frame(FrameType.SETTINGS, Flag.ACK, 0, 'abcdef')),
  breaks('ping_frame_size', FRAME_SIZE_ERROR, frames.frame(FrameType.PING, 0, 0, 'abc')),
  breaks('goaway_frame_size', FRAME_SIZE_ERROR, frames.frame(FrameType.GOAWAY, 0, 0, 'abc')),
  breaks('priority_frame_size', FRAME_SIZE_ERROR, frames.priority(1, Buffer.alloc(6))),
  breaks('window_update_frame_size', FRAME_SIZE_ERROR, frames.frame(FrameType.WINDOW_UPDATE, 0, 0, 'abc')),
  breaksOpened('reset_frame_size', FRAME_SIZE_ERROR, false, frames.frame(FrameType.RST_STREAM, 0, 1, 'abc')),
  breaks('settings_enable_push', PROTOCOL_ERROR, frames.settings([SettingId.ENABLE_PUSH, 2])),
  breaks('settings_max_frame_size', PROTOCOL_ERROR, frames.settings([SettingId.MAX_FRAME_SIZE, 1])),
  breaks(
    'settings_initial_window_size',
    FLOW_CONTROL_ERROR,
    frames.settings([SettingId.INITIAL_WINDOW_SIZE, 0x8000_0000]),
  ),
]);

const streams = streamViolations(
  { id: 'F16', name: 'Frames that break a stream and nothing else', isShort: true },
  [
    breaksOpened('window_update_zero', PROTOCOL_ERROR, true, frames.windowUpdate(1, 0)),
    breaksOpened('window_overflow', FLOW_CONTROL_ERROR, true, frames.windowUpdate(1, LARGEST_WINDOW)),
    breaksOpened('data_after_end', STREAM_CLOSED, true, frames.data(1, 'x')),
    breaksOpened('headers_after_end', STREAM_CLOSED, true, frames.headers(1, frames.block(['a', 'b']))),
    breaksOpened('trailers_without_end', PROTOCOL_ERROR, false, frames.headers(1, frames.block(['a', 'b']))),
    breaksOpened(
      'pseudo_unexpected',
      PROTOCOL_ERROR,
      false,
      frames.headers(1, frames.block([':path', '/x']), { endStream: true }),
    ),
    {
      token: 'content_length_mismatch',
      code: PROTOCOL_ERROR,
      bytes: (path) =>
        Buffer.concat([
          frames.headers(1, grpcBlock(path, ['content-length', '5'])),
          frames.data(1, 'x', { endStream: true }),
        ]),
    },
  ],
);

export const clientViolations: readonly Attack[] = [
  windows,
  padding,
  identifiers,
  zeroStream,
  excess,
  sizes,
  streams,
];
