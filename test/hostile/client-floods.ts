// Rows F1 to F17 of the threat model, mounted by clients: each flood of frames ends its connection.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { grpcBlock, repeated } from './attacker.ts';
import { clientFlood } from './client-attacks.ts';
import type { HostileUpstream } from './hostile-upstream.ts';

const CALM = ErrorCode.ENHANCE_YOUR_CALM;
/** Odd, from 1. */
const idOf = (index: number): number => 2 * index + 1;
const DOUBLE_SETTINGS = repeated(3000, (index) =>
  frames.settings([SettingId.INITIAL_WINDOW_SIZE, index & 1 ? 1 : 65_535]),
);

/** With END_STREAM, so that more on the stream is a violation. */
function opened(upstream: HostileUpstream, index: number, endStream = true): Buffer {
  return frames.headers(idOf(index), grpcBlock(upstream.path), { endStream });
}

/** 1,000 streams, each spoilt by `spoil` at once. */
function spoilt(
  name: string,
  spoil: (streamId: number) => Buffer,
  endStream: boolean,
  isShort = false,
): Attack {
  return clientFlood({
    id: 'F2',
    name: `MadeYouReset by ${name} (CVE-2025-8671)`,
    token: 'too_many_stream_errors',
    code: CALM,
    isShort,
    bytes: (upstream) =>
      repeated(1000, (index) => Buffer.concat([opened(upstream, index, endStream), spoil(idOf(index))])),
    upstream: boundedDispatch,
  });
}

/** Of thousands of calls that were begun few have reached the upstream, and what has was cancelled there. */
function boundedDispatch(upstream: HostileUpstream): () => void {
  return () => assert.ok(upstream.requests.length <= 1000, `${upstream.requests.length} calls went upstream`);
}

const resets: readonly Attack[] = [
  clientFlood({
    id: 'F1',
    name: 'Rapid Reset (CVE-2023-44487): 3,000 times HEADERS and RST_STREAM',
    token: 'too_many_resets',
    code: CALM,
    isShort: true,
    bytes: (upstream) =>
      repeated(3000, (index) =>
        Buffer.concat([opened(upstream, index), frames.resetStream(idOf(index), ErrorCode.CANCEL)]),
      ),
    upstream: (upstream) => () =>
      // Four attackers with 200 resets each, and one more.
      assert.ok(upstream.requests.length <= 4 * 201, `${upstream.requests.length} calls went upstream`),
  }),
  spoilt('WINDOW_UPDATE of 0', (id) => frames.windowUpdate(id, 0), true, true),
  spoilt('window overflow', (id) => frames.windowUpdate(id, 0x7fffffff), true),
  spoilt('HEADERS after END_STREAM', (id) => frames.headers(id, frames.block(['a', 'b'])), true),
  spoilt('DATA after END_STREAM', (id) => frames.data(id, 'x'), true),
  spoilt('trailers without END_STREAM', (id) => frames.headers(id, frames.block(['a', 'b'])), false),
  clientFlood({
    id: 'F2',
    name: 'MadeYouReset by content-length (CVE-2025-8671)',
    token: 'too_many_stream_errors',
    code: CALM,
    bytes: (upstream) =>
      repeated(1000, (index) =>
        Buffer.concat([
          frames.headers(idOf(index), grpcBlock(upstream.path, ['content-length', '5'])),
          frames.data(idOf(index), 'x', { endStream: true }),
        ]),
      ),
    upstream: boundedDispatch,
  }),
  clientFlood({
    id: 'F2',
    name: 'MadeYouReset by PRIORITY of a wrong size',
    token: 'priority_frame_size',
    code: ErrorCode.FRAME_SIZE_ERROR,
    bytes: (upstream) =>
      repeated(1000, (index) =>
        Buffer.concat([opened(upstream, index), frames.priority(idOf(index), Buffer.alloc(4))]),
      ),
    upstream: (upstream) => () => assert.ok(upstream.requests.length <= 4),
  }),
  clientFlood({
    id: 'F2',
    name: 'MadeYouReset by PRIORITY on itself: it resets nothing, and is counted',
    token: 'too_many_priorities',
    code: CALM,
    bytes: (upstream) => {
      const itself = Buffer.from([0, 0, 0, 1, 15]);
      return Buffer.concat([opened(upstream, 0), repeated(3000, () => frames.priority(1, itself))]);
    },
  }),
  clientFlood({
    id: 'F6',
    name: 'Reset flood (CVE-2019-9514): requests that have to be reset',
    token: 'too_many_stream_errors',
    code: CALM,
    bytes: () => repeated(3000, (index) => frames.headers(idOf(index), frames.block([':method', 'GET']))),
  }),
  clientFlood({
    id: 'F6',
    name: 'Reset flood: resets of a stream that is over',
    token: 'too_many_late_frames',
    code: CALM,
    bytes: (upstream) =>
      Buffer.concat([opened(upstream, 0), repeated(3000, () => frames.resetStream(1, ErrorCode.CANCEL))]),
  }),
  clientFlood({
    id: 'F17',
    name: 'Too many streams: 1,000 above the limit',
    token: 'too_many_refused_streams',
    code: CALM,
    isShort: true,
    bytes: (upstream) => repeated(1128, (index) => opened(upstream, index)),
    upstream: (upstream) => () =>
      assert.ok(upstream.requests.length <= 4 * 128, `${upstream.requests.length} calls went upstream`),
  }),
];

const headerBlocks: readonly Attack[] = [
  clientFlood({
    id: 'F3',
    name: 'CONTINUATION flood (CVE-2024-27316): small frames without end',
    token: 'continuation_flood',
    code: CALM,
    isShort: true,
    bytes: () => endless(() => frames.continuation(1, frames.block(['a', 'b']), false)),
  }),
  clientFlood({
    id: 'F3',
    name: 'CONTINUATION flood: full frames without end',
    token: 'header_block_too_large',
    code: CALM,
    bytes: () => endless(() => frames.continuation(1, Buffer.alloc(16_384), false), 200),
  }),
  clientFlood({
    id: 'F3',
    name: 'CONTINUATION flood: empty frames (CVE-2026-33871)',
    token: 'continuation_flood',
    code: CALM,
    bytes: () => endless(() => frames.continuation(1, Buffer.alloc(0), false), 10_000),
  }),
];

function endless(frame: () => Buffer, count = 3000): Buffer {
  const first = frames.headers(1, frames.block([':method', 'POST']), { endHeaders: false });
  return Buffer.concat([first, repeated(count, frame)]);
}

/** One kind of frame without any meaning, many times. */
function frameFlood(
  id: string,
  name: string,
  token: string,
  frame: (index: number) => Buffer,
  count = 5000,
): Attack {
  return clientFlood({
    id,
    name,
    token,
    code: CALM,
    bytes: () => repeated(count, frame),
    isShort: id === 'F4',
  });
}

const control: readonly Attack[] = [
  frameFlood('F4', 'PING flood (CVE-2019-9512)', 'too_many_pings', () => frames.ping(), 20_000),
  frameFlood('F4', 'PING acknowledgements nobody asked for', 'too_many_pings', () =>
    frames.pingAcknowledgement(),
  ),
  frameFlood('F5', 'SETTINGS flood (CVE-2019-9515)', 'too_many_settings', () => frames.settings(), 20_000),
  frameFlood('F5', 'SETTINGS acknowledgements nobody asked for', 'too_many_settings', () =>
    frames.settingsAcknowledgement(),
  ),
  frameFlood('F5', 'SETTINGS with 40 entries (CVE-2020-11080)', 'settings_too_many_entries', () =>
    frames.settings(...Array.from({ length: 40 }, () => [0x99, 1] as const)),
  ),
  clientFlood({
    id: 'F5',
    name: 'SETTINGS that move the windows of 128 streams up and down',
    token: 'too_many_settings',
    code: CALM,
    bytes: (upstream) => Buffer.concat([repeated(128, (index) => opened(upstream, index)), DOUBLE_SETTINGS]),
  }),
  frameFlood('F5', 'SETTINGS_HEADER_TABLE_SIZE up and down', 'too_many_settings', (index) =>
    frames.settings([SettingId.HEADER_TABLE_SIZE, index & 1 ? 0 : 0xffff_ffff]),
  ),
  frameFlood('F7', 'PRIORITY flood (CVE-2019-9513)', 'too_many_priorities', (index) =>
    frames.priority(idOf(index)),
  ),
  frameFlood(
    'F8',
    'WINDOW_UPDATE flood on the connection',
    'too_many_window_updates',
    () => frames.windowUpdate(0, 1),
    20_000,
  ),
  clientFlood({
    id: 'F8',
    name: 'WINDOW_UPDATE flood on a stream that is over',
    token: 'too_many_window_updates',
    code: CALM,
    bytes: (upstream) =>
      Buffer.concat([
        opened(upstream, 0),
        frames.resetStream(1, ErrorCode.CANCEL),
        repeated(5000, () => frames.windowUpdate(1, 1)),
      ]),
  }),
  frameFlood('F16', 'GOAWAY flood', 'too_many_goaways', () => frames.goAway(0, 0)),
  frameFlood('F15', 'Unknown frames: 5,000 of type 0xbe', 'too_many_unknown_frames', () =>
    frames.frame(0xbe, 0, 0),
  ),
  frameFlood('F15', 'Unknown frames: every type from 0x0a on', 'too_many_unknown_frames', (index) =>
    frames.frame(
      FrameType.CONTINUATION + 1 + (index % 246),
      index & 0xff,
      index % 7,
      Buffer.alloc(index % 30),
    ),
  ),
];

const content: readonly Attack[] = [
  clientFlood({
    id: 'F10',
    name: 'Empty DATA (CVE-2019-9518)',
    token: 'too_many_empty_frames',
    code: CALM,
    isShort: true,
    bytes: (upstream) =>
      Buffer.concat([opened(upstream, 0, false), repeated(5000, () => frames.data(1, ''))]),
  }),
  clientFlood({
    id: 'F10',
    name: 'Empty DATA that is all padding',
    token: 'too_many_empty_frames',
    code: CALM,
    bytes: (upstream) =>
      Buffer.concat([opened(upstream, 0, false), repeated(200, () => frames.data(1, '', { padding: 255 }))]),
  }),
  clientFlood({
    id: 'F10',
    name: 'Empty HEADERS (CVE-2019-9516, CVE-2019-9518)',
    token: 'too_many_stream_errors',
    code: CALM,
    bytes: () => repeated(5000, (index) => frames.headers(idOf(index), Buffer.alloc(0))),
  }),
  clientFlood({
    id: 'F13',
    name: 'Fields without a name (CVE-2019-9516)',
    token: 'too_many_stream_errors',
    code: CALM,
    bytes: (upstream) =>
      repeated(3000, (index) => frames.headers(idOf(index), grpcBlock(upstream.path, ['', 'x']))),
  }),
  clientFlood({
    id: 'F14',
    name: 'Padding: 255 bytes for each byte of content',
    token: 'too_much_padding',
    code: CALM,
    bytes: (upstream) =>
      Buffer.concat([
        opened(upstream, 0, false),
        repeated(6000, () => frames.data(1, 'x', { padding: 255 })),
      ]),
  }),
  clientFlood({
    id: 'F16',
    name: 'DATA for a stream that was reset, beyond its window',
    token: 'late_data_exceeded',
    code: ErrorCode.FLOW_CONTROL_ERROR,
    bytes: (upstream) =>
      Buffer.concat([
        opened(upstream, 0, false),
        frames.windowUpdate(1, 0),
        repeated(200, () => frames.data(1, Buffer.alloc(16_000))),
      ]),
  }),
];

export const clientFloods: readonly Attack[] = [...resets, ...headerBlocks, ...control, ...content];
