// Breaks the rules: takes legal frames and makes something else of them, or makes up frames that nobody should send.

import { FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import type { FuzzPeer } from './fuzz-peer.ts';
import type { Random } from './random.ts';

const KNOWN_TYPES: readonly number[] = Object.values(FrameType);

/** @param isServer the connection under test is a server: it expects requests */
export function mutated(legal: Buffer, peer: FuzzPeer, isServer: boolean, random: Random): Buffer {
  const frame = Buffer.from(legal);
  const streamId = oddId(peer, random);
  switch (random.below(20)) {
    case 0:
      frame[random.below(frame.length)] ^= 1 << random.below(8);
      return frame;
    case 1:
      frame.writeUInt32BE(streamId, 5);
      return frame;
    case 2:
      frame[4] = random.next();
      return frame;
    case 3:
      frame[3] = random.pick(KNOWN_TYPES);
      return frame;
    case 4:
      return frame.subarray(0, random.below(frame.length));
    case 5:
      return Buffer.concat([frame, frame]);
    case 6:
      return random.bytes(1 + random.below(100));
    case 7:
      return frames.headers(streamId, peer.blocks.wrong(isServer), { endStream: random.oneIn(2) });
    case 8:
      return frames.data(streamId, Buffer.alloc(random.below(16_384)), { endStream: random.oneIn(4) });
    case 9:
      return frames.windowUpdate(random.oneIn(2) ? 0 : streamId, random.pick([0, 1, 0x7fffffff, 0x40000000]));
    case 10:
      return frames.resetStream(streamId, random.next());
    case 11:
      return frames.settings([
        1 + random.below(8),
        random.pick([0, 1, 2, 16_383, 0x7fffffff, 0x80000000, 0xffffffff]),
      ]);
    case 12:
      return frames.frame(
        random.pick(KNOWN_TYPES),
        random.next() & 0xff,
        streamId,
        random.bytes(random.below(60)),
      );
    case 13:
      return frames.continuation(streamId, peer.blocks.wrong(isServer), random.oneIn(2));
    case 14:
      return frames.pushPromise(streamId, 2 + 2 * random.below(20), frames.requestBlock());
    case 15:
      return many(streamId, random);
    default:
      return frames.headers(peer.takeUnbegun(), peer.blocks.wrong(isServer), { endStream: random.oneIn(2) });
  }
}

/** A stream that is open, over, not begun, or cannot be. */
function oddId(peer: FuzzPeer, random: Random): number {
  switch (random.below(5)) {
    case 0:
      return 0;
    case 1:
      return 2 * random.below(20);
    case 2:
      return random.next() & 0x7fffffff;
    default:
      return 1 + 2 * random.below((peer.lastId >> 1) + 4);
  }
}

/** More of the same than the flood guard lets through. */
function many(streamId: number, random: Random): Buffer {
  const one = random.pick([
    frames.ping(),
    frames.settings(),
    frames.priority(streamId | 1),
    frames.windowUpdate(0, 1),
    frames.data(streamId, ''),
    frames.frame(0xee, 0, 0, 'x'),
    frames.resetStream(streamId, 8),
    frames.pingAcknowledgement(),
    frames.settingsAcknowledgement(),
  ]);
  return Buffer.concat(Array.from({ length: 1 + random.below(300) }, () => one));
}
