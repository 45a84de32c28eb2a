// Sends DATA of five bytes with 255 of padding each, and obeys the windows: a client that does not count the padding when it
// gives credit back lets this sender wait for ever. For one call on a connection.

import { Flag, FrameType } from '../../../../src/h2/frame-type.ts';
import { DEFAULT_WINDOW_BYTES, SETTING_BYTES, SettingId } from '../../../../src/h2/settings.ts';
import { eventually } from '../../../support/eventually.ts';
import { rawFrame } from '../../../support/raw-frames.ts';
import type { RawPeer } from '../../../support/raw-peer.ts';

const CONTENT_BYTES = 5;
const PADDING_BYTES = 255;
/** With the byte that tells the length of the padding; all of it counts against the windows (RFC 9113 section 6.9.1). */
const FRAME_BYTES = 1 + CONTENT_BYTES + PADDING_BYTES;
const TIMEOUT_MS = 60_000;

/** Rejects when there is no room for a frame for a minute, or the connection ends. */
export async function sendPadded(peer: RawPeer, streamId: number, message: Buffer): Promise<void> {
  let sent = 0;
  for (let at = 0; at < message.length; ) {
    const room = await eventually(
      'the windows have room for a padded frame',
      () => {
        if (peer.isClosed) throw new Error('the connection is closed');
        const left = Math.min(windowOf(peer, 0), windowOf(peer, streamId)) - sent;
        return left >= FRAME_BYTES && left;
      },
      TIMEOUT_MS,
    );
    const frames: Buffer[] = [];
    for (let left = room; at < message.length && left >= FRAME_BYTES; left -= FRAME_BYTES) {
      frames.push(paddedFrame(streamId, message.subarray(at, at + CONTENT_BYTES)));
      at += CONTENT_BYTES;
      sent += FRAME_BYTES;
    }
    peer.send(...frames);
  }
}

/** What the peer has allowed in all, of a stream or, with 0, of the connection. */
function windowOf(peer: RawPeer, streamId: number): number {
  let window = streamId === 0 ? DEFAULT_WINDOW_BYTES : initialWindowOf(peer);
  for (const frame of peer.frames) {
    if (frame.type === FrameType.WINDOW_UPDATE && frame.streamId === streamId) {
      window += frame.payload.readUInt32BE(0);
    }
  }
  return window;
}

function initialWindowOf(peer: RawPeer): number {
  let window = DEFAULT_WINDOW_BYTES;
  for (const { type, payload } of peer.frames) {
    if (type !== FrameType.SETTINGS) continue;
    for (let at = 0; at < payload.length; at += SETTING_BYTES) {
      if (payload.readUInt16BE(at) === SettingId.INITIAL_WINDOW_SIZE) window = payload.readUInt32BE(at + 2);
    }
  }
  return window;
}

/** The last one may have less content. */
function paddedFrame(streamId: number, content: Buffer): Buffer {
  const payload = Buffer.concat([Buffer.from([PADDING_BYTES]), content, Buffer.alloc(PADDING_BYTES)]);
  return rawFrame(FrameType.DATA, Flag.PADDED, streamId, payload);
}
