// Serialises frames into a connection's output (RFC 9113 sections 4.1 and 6). There is no state and there are no checks: the
// caller decides what may be sent.

import { Flag, FRAME_HEADER_BYTES, FrameType } from './frame-type.ts';
import type { OutputBuffer } from './output-buffer.ts';

/** Up to this size a byte loop is faster than a native copy, which costs about 40 ns. */
const COPY_LOOP_BYTES = 24;

export class FrameWriter {
  readonly #output: OutputBuffer;

  constructor(output: OutputBuffer) {
    this.#output = output;
  }

  /** Writes bytes without a frame header, such as the client preface. */
  writeRaw(source: Buffer): void {
    const target = this.#output.reserve(source.length);
    source.copy(target, this.#output.position);
    this.#output.position += source.length;
  }

  writeData(streamId: number, source: Buffer, start: number, end: number, endStream: boolean): void {
    const length = end - start;
    const target = this.#begin(length, FrameType.DATA, endStream ? Flag.END_STREAM : 0, streamId);
    this.#append(target, source, start, end);
  }

  /**
   * Writes HEADERS, followed by CONTINUATION frames when the block does not fit into one frame. The block is the first
   * `blockLength` bytes of `block`, then the first `suffixLength` bytes of `suffix`: HPACK blocks can be concatenated.
   */
  writeHeaders(
    streamId: number,
    endStream: boolean,
    maxFrameBytes: number,
    block: Buffer,
    blockLength: number,
    suffix: Buffer,
    suffixLength: number,
  ): void {
    const total = blockLength + suffixLength;
    const flags = endStream ? Flag.END_STREAM : 0;
    if (total <= maxFrameBytes && total <= LARGEST_PIECE_BYTES) {
      const target = this.#begin(total, FrameType.HEADERS, flags | Flag.END_HEADERS, streamId);
      this.#append(target, block, 0, blockLength);
      if (suffixLength > 0) this.#append(target, suffix, 0, suffixLength);
      return;
    }
    const whole = Buffer.concat([block.subarray(0, blockLength), suffix.subarray(0, suffixLength)]);
    const pieceBytes = Math.min(maxFrameBytes, LARGEST_PIECE_BYTES);
    for (let start = 0; start < total; start += pieceBytes) {
      const end = Math.min(start + pieceBytes, total);
      const type = start === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const isLast = end === total ? Flag.END_HEADERS : 0;
      const target = this.#begin(end - start, type, (start === 0 ? flags : 0) | isLast, streamId);
      this.#append(target, whole, start, end);
    }
  }

  writeResetStream(streamId: number, code: number): void {
    const target = this.#begin(4, FrameType.RST_STREAM, 0, streamId);
    this.#appendUint32(target, code);
  }

  writeSettings(payload: Buffer): void {
    const target = this.#begin(payload.length, FrameType.SETTINGS, 0, 0);
    this.#append(target, payload, 0, payload.length);
  }

  writeSettingsAcknowledgement(): void {
    this.#begin(0, FrameType.SETTINGS, Flag.ACK, 0);
  }

  /** @param opaque holds the eight bytes, at `start` */
  writePing(opaque: Buffer, start: number, isAcknowledgement: boolean): void {
    const target = this.#begin(8, FrameType.PING, isAcknowledgement ? Flag.ACK : 0, 0);
    this.#append(target, opaque, start, start + 8);
  }

  writeGoAway(lastStreamId: number, code: number, debug: string): void {
    const text = Buffer.from(debug, 'latin1').subarray(0, LARGEST_DEBUG_BYTES);
    const target = this.#begin(8 + text.length, FrameType.GOAWAY, 0, 0);
    this.#appendUint32(target, lastStreamId);
    this.#appendUint32(target, code);
    this.#append(target, text, 0, text.length);
  }

  writeWindowUpdate(streamId: number, increment: number): void {
    const target = this.#begin(4, FrameType.WINDOW_UPDATE, 0, streamId);
    this.#appendUint32(target, increment);
  }

  #begin(length: number, type: number, flags: number, streamId: number): Buffer {
    const output = this.#output;
    const target = output.reserve(FRAME_HEADER_BYTES + length);
    let at = output.position;
    target[at++] = length >>> 16;
    target[at++] = length >>> 8;
    target[at++] = length;
    target[at++] = type;
    target[at++] = flags;
    target[at++] = streamId >>> 24;
    target[at++] = streamId >>> 16;
    target[at++] = streamId >>> 8;
    target[at++] = streamId;
    output.position = at;
    return target;
  }

  #append(target: Buffer, source: Buffer, start: number, end: number): void {
    let at = this.#output.position;
    if (end - start <= COPY_LOOP_BYTES) {
      for (let from = start; from < end; from++) target[at++] = source[from];
      this.#output.position = at;
      return;
    }
    source.copy(target, at, start, end);
    this.#output.position = at + end - start;
  }

  #appendUint32(target: Buffer, value: number): void {
    let at = this.#output.position;
    target[at++] = value >>> 24;
    target[at++] = value >>> 16;
    target[at++] = value >>> 8;
    target[at++] = value;
    this.#output.position = at;
  }
}

/**
 * The largest frame payload that fits into one slab of output together with its frame header. Larger frames are never written,
 * even where the peer allows them.
 */
export const LARGEST_PIECE_BYTES = 32_768;
const LARGEST_DEBUG_BYTES = 512;
