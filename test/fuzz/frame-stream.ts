// Cuts bytes into frames, for those who look on: it checks nothing, and keeps what has not arrived whole.

import { FRAME_HEADER_BYTES } from '../../src/h2/frame-type.ts';

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);

export class FrameStream {
  #rest: Buffer = NOTHING;
  #toSkip: number;

  /** @param prefaceBytes bytes in front that are no frames */
  constructor(prefaceBytes = 0) {
    this.#toSkip = prefaceBytes;
  }

  /** Bytes of a frame that has begun and is not whole. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /** That frame's length, once its header is here. */
  get restFrame(): { readonly type: number; readonly streamId: number; readonly length: number } | undefined {
    const rest = this.#rest;
    if (rest.length < FRAME_HEADER_BYTES) return undefined;
    return { type: rest[3], streamId: rest.readUInt32BE(5) & 0x7fffffff, length: rest.readUIntBE(0, 3) };
  }

  read(chunk: Buffer): SeenFrame[] {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    const fresh = chunk.subarray(skipped);
    const bytes = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    const frames: SeenFrame[] = [];
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const start = at + FRAME_HEADER_BYTES;
      const end = start + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      frames.push({
        type: bytes[at + 3],
        flags: bytes[at + 4],
        streamId: bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: bytes.subarray(start, end),
      });
      at = end;
    }
    this.#rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
    return frames;
  }
}
