// Section 1b: header blocks that cost the sender little and the receiver much, or that no decoder can follow.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, connectUpstream, grpcBlock, repeated } from './attacker.ts';
import { connectionViolations, type Violation } from './client-attacks.ts';
import { added, huffmanValue, indexed, integer, NEWEST, tableSize } from './hpack-bytes.ts';
import { pause, type Stage } from './stage.ts';

/** With its 32 bytes it nearly fills the table of 4,096. */
const LARGE_VALUE = 'v'.repeat(3900);
const CALLS = 300;

function undecodable(token: string, ...block: readonly Buffer[]): Violation {
  return {
    token,
    code: ErrorCode.COMPRESSION_ERROR,
    bytes: () => frames.headers(1, Buffer.concat(block)),
  };
}

const REQUEST = frames.requestBlock();

const blocks = connectionViolations(
  { id: 'HPACK', name: 'Header blocks that cannot be decoded', isShort: true },
  [
    undecodable('hpack_index_zero', REQUEST, Buffer.from([0x80])),
    undecodable('hpack_index_out_of_range', REQUEST, indexed(NEWEST)),
    undecodable('hpack_index_out_of_range', REQUEST, indexed(1_000_000)),
    undecodable('hpack_size_update_above_limit', tableSize(4097), REQUEST),
    undecodable('hpack_size_update_after_field', REQUEST, tableSize(0)),
    undecodable('hpack_integer_too_long', REQUEST, Buffer.alloc(12, 0xff)),
    undecodable(
      'hpack_integer_too_long',
      REQUEST,
      Buffer.from([0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
    ),
    undecodable('hpack_integer_truncated', REQUEST, Buffer.from([0xff, 0xff])),
    undecodable('hpack_string_truncated', REQUEST, Buffer.from([0x40]), integer(100, 7, 0)),
    undecodable('hpack_string_truncated', REQUEST, Buffer.from([0x40]), integer(0xffff_ff, 7, 0)),
    undecodable('hpack_huffman_end_of_string', REQUEST, huffmanValue('a', 0xff, 0xff, 0xff, 0xff)),
    undecodable('hpack_huffman_padding', REQUEST, huffmanValue('a', 0x1f, 0xff)),
    undecodable('hpack_huffman_padding', REQUEST, huffmanValue('a', 0x00)),
  ],
);

interface Bomb {
  readonly name: string;
  /** Sent first, with the table entries the bomb refers to. */
  readonly fuse: (path: string) => Buffer;
  readonly bomb: (path: string) => Buffer;
}

/** Each call is refused with a status of its own; the connection lives, since an honest client may have been careless. */
function bomb({ name, fuse, bomb: block }: Bomb): Attack {
  return {
    id: 'HPACK',
    name,
    rule: 'limits.headerFields, limits.headerListSize: request_headers_too_large',
    async mount(stage) {
      const upstream = stage.newUpstream();
      // Before there is a connection: who is at work for long does not acknowledge SETTINGS in time.
      const bytes = block(upstream.path);
      const calls = repeated(CALLS, (index) => frames.headers(2 * index + 3, bytes, { endStream: true }));
      const attackers = await Promise.all(
        (['clear', 'tls'] as const).map((listener) => Attacker.open(stage, { listener })),
      );
      for (const attacker of attackers) {
        attacker.send(frames.headers(1, fuse(upstream.path), { endStream: true }), calls);
        assert.equal(await attacker.outcome(2 * CALLS + 1), '8');
        await attacker.wantAlive();
        attacker.leave();
      }
      assert.equal(upstream.requests.length, 2, 'only the first call of each is forwarded');
      return `${2 * CALLS} calls answered RESOURCE_EXHAUSTED, connection whole`;
    },
  };
}

const bombs: readonly Attack[] = [
  bomb({
    name: 'HPACK bomb (CVE-2016-6581): 12,000 references to a field of 3,900 bytes',
    fuse: (path) => Buffer.concat([grpcBlock(path), added('bomb', LARGE_VALUE)]),
    bomb: (path) => Buffer.concat([grpcBlock(path), repeated(12_000, () => indexed(NEWEST))]),
  }),
  bomb({
    name: 'HTTP/2 Bomb (CVE-2026-49975): 12,000 references to an empty field',
    fuse: (path) => Buffer.concat([grpcBlock(path), added('x', '')]),
    bomb: (path) => Buffer.concat([grpcBlock(path), repeated(12_000, () => indexed(NEWEST))]),
  }),
  bomb({
    name: 'Cookie crumbs: 2,000 in a block',
    fuse: (path) => Buffer.concat([grpcBlock(path), added('cookie', 'a=b')]),
    bomb: (path) => Buffer.concat([grpcBlock(path), repeated(2000, () => indexed(NEWEST))]),
  }),
  bomb({
    name: 'Header list of 17 KiB in 5 references',
    fuse: (path) => Buffer.concat([grpcBlock(path), added('bomb', LARGE_VALUE)]),
    bomb: (path) => Buffer.concat([grpcBlock(path), repeated(5, () => indexed(NEWEST))]),
  }),
];

const HELD_CONNECTIONS = 10;
const MOST_HOLDING_MS = 60_000;
const HELD_STREAMS = 128;

/** As large as a header list may be, in as many streams as there may be, and none of them ever ends. */
const heldBomb: Attack = {
  id: 'HPACK',
  name: `HTTP/2 Bomb with windows of 0: ${HELD_CONNECTIONS} connections with ${HELD_STREAMS} held calls of 15 KiB`,
  rule: 'limits.headerListSize, limits.concurrentStreams',
  async mount(stage) {
    const upstream = stage.newUpstream();
    await connectUpstream(stage, upstream);
    const call = Buffer.concat([grpcBlock(upstream.path), repeated(3, () => indexed(NEWEST))]);
    const attackers = await Promise.all(
      Array.from({ length: HELD_CONNECTIONS }, () =>
        Attacker.open(stage, { settings: [[SettingId.INITIAL_WINDOW_SIZE, 0]] }),
      ),
    );
    for (const attacker of attackers) {
      attacker.send(
        frames.headers(1, Buffer.concat([grpcBlock(upstream.path), added('bomb', LARGE_VALUE)]), {
          endStream: true,
        }),
        repeated(HELD_STREAMS - 1, (index) => frames.headers(2 * index + 3, call, { endStream: true })),
      );
    }
    await eventually(
      'all calls are held',
      () => upstream.requests.length >= HELD_CONNECTIONS * HELD_STREAMS,
      MOST_HOLDING_MS,
    );
    await pause(1000);
    for (const attacker of attackers) attacker.leave();
    await eventually('every call is over upstream', () => upstream.areAllOver, MOST_HOLDING_MS);
    return `${HELD_CONNECTIONS * HELD_STREAMS} calls held, and cancelled upstream when the attacker left`;
  },
};

/** Legal all of it: the table is emptied and filled again by every block. */
const tableGames: Attack = {
  id: 'HPACK',
  name: 'Table size games: emptied and refilled by each of 5,000 blocks',
  rule: 'SETTINGS_HEADER_TABLE_SIZE of 4,096',
  async mount(stage) {
    const block = Buffer.concat([
      tableSize(0),
      tableSize(4096),
      frames.block([':method', 'POST'], [':scheme', 'http'], [':path', '/no/route'], [':authority', 'x']),
      frames.block(['content-type', 'application/grpc']),
      repeated(100, (index) => added(`name${index}`, '')),
    ]);
    await rejectedCalls(stage, 5000, block);
    return 'every call answered UNIMPLEMENTED';
  },
};

async function rejectedCalls(stage: Stage, count: number, block: Buffer): Promise<void> {
  const attacker = await Attacker.open(stage);
  attacker.send(repeated(count, (index) => frames.headers(2 * index + 1, block, { endStream: true })));
  assert.equal(await attacker.outcome(2 * count - 1), '12');
  const answers = attacker.peer?.frames.filter(({ type }) => type === FrameType.HEADERS);
  assert.equal(answers?.length, count);
  attacker.leave();
}

export const hpackAttacks: readonly Attack[] = [blocks, ...bombs, heldBomb, tableGames];
