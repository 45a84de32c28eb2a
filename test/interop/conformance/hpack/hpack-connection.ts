// The client side of an HTTP/2 connection with nothing but header blocks on it: our encoder and decoder, talking to nghttp2 as
// node:http2 has it. Each request and each response is one header block.

import type { Socket } from 'node:net';
import { CLIENT_PREFACE, Flag, FRAME_HEADER_BYTES, FrameType } from '../../../../src/h2/frame-type.ts';
import { HpackDecoder } from '../../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../../src/h2/hpack/encoder.ts';
import type { HeaderList } from '../../../../src/h2/hpack/header-list.ts';
import { SETTING_BYTES, SettingId } from '../../../../src/h2/settings.ts';
import { rawFrame, settingsFrame } from '../../../support/raw-frames.ts';

const LARGEST_FRAME_BYTES = 16_384;
const LARGEST_LIST_BYTES = 1_048_576;
const MOST_FIELDS = 1000;

export interface HpackConnectionEvents {
  readonly onResponse: (streamId: number, list: HeaderList) => void;
  /** Of the connection or of one stream. */
  readonly onError: (error: Error) => void;
}

export class HpackConnection {
  readonly #socket: Socket;
  readonly #events: HpackConnectionEvents;
  readonly #encoder: HpackEncoder;
  readonly #decoder = new HpackDecoder({
    maxTableSizeBytes: 4096,
    maxListSizeBytes: LARGEST_LIST_BYTES,
    maxFields: MOST_FIELDS,
  });
  /** Announced, not yet acknowledged. */
  readonly #announced: number[] = [];
  readonly #pieces: Buffer[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #nextStreamId = 1;

  constructor(socket: Socket, encoderTableBytes: number, events: HpackConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#encoder = new HpackEncoder({ maxTableSizeBytes: encoderTableBytes });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', events.onError);
    socket.write(CLIENT_PREFACE);
    this.announceTableSize(4096);
  }

  /** For nghttp2's encoder; the decoder follows when the peer has acknowledged it. */
  announceTableSize(bytes: number): void {
    this.#announced.push(bytes);
    this.#socket.write(settingsFrame([[SettingId.HEADER_TABLE_SIZE, bytes]]));
  }

  /** @returns the identifier of its stream */
  request(list: HeaderList): number {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    const { bytes, length } = this.#encoder.encode(list);
    for (let start = 0; start === 0 || start < length; start += LARGEST_FRAME_BYTES) {
      const end = Math.min(start + LARGEST_FRAME_BYTES, length);
      const endHeaders = end === length ? Flag.END_HEADERS : 0;
      const type = start === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const flags = endHeaders | (start === 0 ? Flag.END_STREAM : 0);
      this.#socket.write(rawFrame(type, flags, streamId, bytes.subarray(start, end)));
    }
    return streamId;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    let at = 0;
    try {
      while (this.#bytes.length - at >= FRAME_HEADER_BYTES) {
        const end = at + FRAME_HEADER_BYTES + this.#bytes.readUIntBE(at, 3);
        if (end > this.#bytes.length) break;
        const payload = this.#bytes.subarray(at + FRAME_HEADER_BYTES, end);
        this.#take(this.#bytes[at + 3], this.#bytes[at + 4], this.#bytes.readUInt32BE(at + 5), payload);
        at = end;
      }
    } catch (error) {
      this.#events.onError(error instanceof Error ? error : new Error(String(error)));
    }
    this.#bytes = this.#bytes.subarray(at);
  }

  #take(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case FrameType.SETTINGS:
        if ((flags & Flag.ACK) !== 0) this.#decoder.setMaxTableSize(this.#announced.shift() ?? 0);
        else this.#obey(payload);
        return;
      case FrameType.HEADERS:
      case FrameType.CONTINUATION:
        this.#pieces.push(payload);
        if ((flags & Flag.END_HEADERS) !== 0) this.#finishBlock(streamId);
        return;
      case FrameType.RST_STREAM:
        // NO_ERROR only says that the request needs no more; it had its end already.
        if (payload.readUInt32BE(0) !== 0)
          throw new Error(`nghttp2 reset stream ${streamId}: ${payload.readUInt32BE(0)}`);
        return;
      case FrameType.GOAWAY:
        throw new Error(
          `nghttp2 ended the connection: ${payload.readUInt32BE(4)} ${payload.toString('latin1', 8)}`,
        );
    }
  }

  #obey(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += SETTING_BYTES) {
      if (payload.readUInt16BE(at) === SettingId.HEADER_TABLE_SIZE) {
        this.#encoder.setPeerMaxTableSize(payload.readUInt32BE(at + 2));
      }
    }
    this.#socket.write(rawFrame(FrameType.SETTINGS, Flag.ACK, 0, Buffer.alloc(0)));
  }

  #finishBlock(streamId: number): void {
    const block = Buffer.concat(this.#pieces);
    this.#pieces.length = 0;
    this.#events.onResponse(streamId, this.#decoder.decode(block, 0, block.length));
  }
}
