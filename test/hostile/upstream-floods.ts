// Row F19: whatever clients can do, an upstream can do too, and more.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import * as frames from '../support/frames.ts';
import type { RawRequest } from '../support/raw-server.ts';
import type { Attack } from './attack.ts';
import { repeated } from './attacker.ts';
import { added, huffmanValue, indexed, NEWEST, tableSize } from './hpack-bytes.ts';
import {
  callsOf,
  type UpstreamViolation,
  upstreamConnectionViolations,
  upstreamFlood,
  upstreamStreamViolations,
} from './upstream-attacks.ts';

const CALM = ErrorCode.ENHANCE_YOUR_CALM;
const { PROTOCOL_ERROR, COMPRESSION_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR } = ErrorCode;
const RESPONSE = frames.responseBlock('200', ['content-type', 'application/grpc']);

function flood(name: string, token: string, build: (index: number) => Buffer, count = 5000): Attack {
  return upstreamFlood(
    { id: 'F19', name: `From upstream: ${name}`, isShort: token === 'too_many_settings' },
    { token, code: CALM, bytes: () => repeated(count, build) },
  );
}

/** Behind a response that has begun: the caller has its headers, and gets its status in trailers. */
function contentFlood(
  name: string,
  token: string,
  frame: (streamId: number) => Buffer,
  count = 5000,
): Attack {
  return upstreamFlood(
    { id: 'F19', name: `From upstream: ${name}` },
    {
      token,
      code: CALM,
      bytes: ({ streamId }) =>
        Buffer.concat([frames.headers(streamId, RESPONSE), repeated(count, () => frame(streamId))]),
    },
  );
}

function blockFlood(name: string, token: string, piece: Buffer, count: number): Attack {
  return upstreamFlood(
    { id: 'F19', name: `From upstream: ${name}` },
    {
      token,
      code: CALM,
      bytes: ({ streamId }) =>
        Buffer.concat([
          frames.headers(streamId, RESPONSE, { endHeaders: false }),
          repeated(count, () => frames.continuation(streamId, piece, false)),
        ]),
    },
  );
}

const floods: readonly Attack[] = [
  flood('SETTINGS loop (CVE-2026-33814)', 'too_many_settings', () => frames.settings(), 20_000),
  flood('PING flood', 'too_many_pings', () => frames.ping(), 20_000),
  flood('PRIORITY flood', 'too_many_priorities', () => frames.priority(1)),
  flood('WINDOW_UPDATE flood', 'too_many_window_updates', () => frames.windowUpdate(0, 1)),
  flood('unknown frames, ALTSVC and ORIGIN among them', 'too_many_unknown_frames', (index) =>
    frames.frame(0x0a + (index % 6), 0, 0, 'x'),
  ),
  flood('GOAWAY flood', 'too_many_goaways', () => frames.goAway(0x7fff_ffff, 0)),
  upstreamFlood(
    { id: 'F19', name: 'From upstream: interim responses without end' },
    {
      token: 'too_many_late_frames',
      code: CALM,
      // The call is over with the eleventh.
      status: '13',
      bytes: ({ streamId }) => repeated(5000, () => frames.headers(streamId, frames.responseBlock('103'))),
    },
  ),
  contentFlood('empty DATA', 'too_many_empty_frames', (id) => frames.data(id, '')),
  // Upstreams may pad 32 MiB: the interoperability tests of gRPC do so for good.
  contentFlood('padding', 'too_much_padding', (id) => frames.data(id, 'x', { padding: 255 }), 135_000),
  blockFlood('CONTINUATION flood', 'continuation_flood', frames.block(['a', 'b']), 5000),
  blockFlood('empty CONTINUATION', 'continuation_flood', Buffer.alloc(0), 5000),
  blockFlood('a header block above 1 MiB', 'header_block_too_large', Buffer.alloc(16_384), 100),
];

function breaks(token: string, code: number, ...bytes: readonly Buffer[]): UpstreamViolation {
  return { token, code, bytes: () => Buffer.concat(bytes) };
}

const violations = upstreamConnectionViolations(
  { id: 'F19', name: 'From upstream: frames that break the connection', isShort: true },
  [
    {
      token: 'push_promise',
      code: PROTOCOL_ERROR,
      bytes: ({ streamId }) => frames.pushPromise(streamId, 2, frames.requestBlock()),
    },
    breaks('settings_enable_push', PROTOCOL_ERROR, frames.settings([SettingId.ENABLE_PUSH, 1])),
    breaks('stream_id_invalid', PROTOCOL_ERROR, frames.headers(2, RESPONSE)),
    breaks('stream_idle', PROTOCOL_ERROR, frames.data(99, 'x')),
    breaks('window_update_zero', PROTOCOL_ERROR, frames.windowUpdate(0, 0)),
    breaks('window_overflow', FLOW_CONTROL_ERROR, frames.windowUpdate(0, 0x7fff_ffff)),
    breaks('ping_frame_size', FRAME_SIZE_ERROR, frames.frame(6, 0, 0, 'x')),
    breaks('frame_too_large', FRAME_SIZE_ERROR, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])),
    breaks('continuation_expected', PROTOCOL_ERROR, frames.continuation(1, RESPONSE)),
    spoiltBlock('hpack_index_out_of_range', RESPONSE, indexed(NEWEST)),
    spoiltBlock('hpack_size_update_above_limit', tableSize(4097), RESPONSE),
    spoiltBlock('hpack_integer_too_long', RESPONSE, Buffer.alloc(12, 0xff)),
    spoiltBlock('hpack_huffman_end_of_string', RESPONSE, huffmanValue('a', 0xff, 0xff, 0xff, 0xff)),
    spoiltBlock('hpack_huffman_padding', RESPONSE, huffmanValue('a', 0x1f, 0xff)),
  ],
);

function spoiltBlock(token: string, ...block: readonly Buffer[]): UpstreamViolation {
  return {
    token,
    code: COMPRESSION_ERROR,
    bytes: ({ streamId }) => frames.headers(streamId, Buffer.concat(block)),
  };
}

function spoilt(
  token: string,
  bytes: (streamId: number) => readonly Buffer[],
  code: number = PROTOCOL_ERROR,
  status = '13',
): UpstreamViolation {
  return { token, code, status, bytes: ({ streamId }) => Buffer.concat(bytes(streamId)) };
}

const MANY_FIELDS = Array.from({ length: 300 }, (_, index) => [`field-${index}`, 'v'] as const);
const END = { endStream: true };

const responses = upstreamStreamViolations(
  { id: 'F19', name: 'From upstream: responses that break their call and nothing else', isShort: true },
  [
    spoilt(
      'too_many_interim_responses',
      (id) => [repeated(500, () => frames.headers(id, frames.responseBlock('103')))],
      CALM,
    ),
    spoilt(
      'response_headers_too_large',
      (id) => [frames.headers(id, frames.block([':status', '200'], ...MANY_FIELDS))],
      CALM,
      '8',
    ),
    spoilt(
      'trailers_too_large',
      (id) => [frames.headers(id, RESPONSE), frames.headers(id, frames.block(...MANY_FIELDS), END)],
      CALM,
      '8',
    ),
    spoilt('data_before_headers', (id) => [frames.data(id, 'x')]),
    spoilt('interim_response_ends', (id) => [frames.headers(id, frames.responseBlock('103'), END)]),
    spoilt('response_status_invalid', (id) => [frames.headers(id, frames.responseBlock('101'))]),
    spoilt('response_status_missing', (id) => [frames.headers(id, frames.block(['a', 'b']))]),
    spoilt('pseudo_unexpected', (id) => [frames.headers(id, frames.responseBlock('200', [':path', '/']))]),
    spoilt('field_name_invalid', (id) => [frames.headers(id, frames.responseBlock('200', ['A', 'b']))]),
    spoilt('field_value_invalid', (id) => [
      frames.headers(id, frames.responseBlock('200', ['a', 'b\r\nset-cookie: c'])),
    ]),
    spoilt('field_connection_specific', (id) => [
      frames.headers(id, frames.responseBlock('200', ['transfer-encoding', 'chunked'])),
    ]),
    spoilt('content_length_mismatch', (id) => [
      frames.headers(
        id,
        frames.block([':status', '200'], ['content-type', 'application/grpc'], ['content-length', '3']),
      ),
      frames.data(id, 'four'),
    ]),
    spoilt('trailers_without_end', (id) => [
      frames.headers(id, RESPONSE),
      frames.headers(id, frames.block(['grpc-status', '0'])),
    ]),
  ],
);

/** Each costs its own call, however many there are: honest clients share the connection. */
const bombs: Attack = {
  id: 'HPACK',
  name: 'From upstream: 1,000 answers of 12,000 references to a field of 3,900 bytes',
  rule: 'limits.headerListSize: response_headers_too_large',
  async mount(stage) {
    const upstream = stage.newUpstream();
    const references = repeated(12_000, () => indexed(NEWEST));
    const fused = new Set<unknown>();
    upstream.onRequest = ({ peer, streamId }: RawRequest) => {
      const fuse = fused.has(peer) ? [] : [added('bomb', 'v'.repeat(3900))];
      fused.add(peer);
      const block = Buffer.concat([RESPONSE, ...fuse, references]);
      peer.send(frames.headers(streamId, block));
    };
    for (let round = 0; round < 10; round++) {
      const statuses = await callsOf(stage, upstream, 100);
      assert.deepEqual(new Set(statuses), new Set(['8']));
    }
    // Each call costs a reset, and a connection has a hundred of them at once (decision 33).
    assert.ok(upstream.peers.length <= 20, `${upstream.peers.length} connections`);
    assert.ok(
      upstream.peers.every(({ frames: received }) => received.every(({ type }) => type !== FrameType.GOAWAY)),
    );
    return '1000 calls answered RESOURCE_EXHAUSTED, no connection broken';
  },
};

export const upstreamFloods: readonly Attack[] = [...floods, violations, responses, bombs];
