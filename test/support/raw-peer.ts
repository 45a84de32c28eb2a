// One side of an HTTP/2 connection on a real socket, frame by frame. It keeps every frame it receives and, unless told otherwise,
// answers SETTINGS and PING and sends WINDOW_UPDATE. It follows no other rule, so that tests can break rules.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { CLIENT_PREFACE, Flag, FRAME_HEADER_BYTES, FrameType } from '../../src/h2/frame-type.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from './eventually.ts';
import { frameSummary } from './frame-summary.ts';
import {
  dataFrame,
  type Fields,
  headersFrame,
  type RawFrame,
  rawFrame,
  resetFrame,
  windowUpdateFrame,
} from './raw-frames.ts';

export interface ReceivedFrame extends RawFrame {
  /** The header fields of HEADERS and its CONTINUATION frames; empty for other frames. */
  readonly fields: Fields;
}

export interface RawPeerOptions {
  /** Whether all received DATA is credited at once by WINDOW_UPDATE. The default is true. */
  readonly givesCredit?: boolean;
  /** Whether PING is acknowledged. The default is true. */
  readonly answersPing?: boolean;
  /** Whether SETTINGS is acknowledged. The default is true. */
  readonly answersSettings?: boolean;
  readonly onFrame?: (frame: ReceivedFrame) => void;
}

const NO_FIELDS: Fields = [];

export class RawPeer {
  readonly socket: Socket;
  /** All frames received, oldest first; HEADERS and its CONTINUATION frames are one. */
  readonly frames: ReceivedFrame[] = [];
  isClosed = false;
  readonly #givesCredit: boolean;
  readonly #answersPing: boolean;
  readonly #answersSettings: boolean;
  readonly #onFrame: (frame: ReceivedFrame) => void;
  readonly #decoder = new HpackDecoder({
    maxTableSizeBytes: 4096,
    maxListSizeBytes: 1_000_000,
    maxFields: 10_000,
  });
  #expectsPreface: boolean;
  #bytes: Buffer = Buffer.alloc(0);
  #block: { readonly frame: RawFrame; readonly pieces: Buffer[] } | undefined = undefined;
  #connectionWindow = 65_535;
  #initialWindow = 65_535;
  readonly #streamWindows = new Map<number, number>();
  readonly #pumps = new Map<number, number>();
  readonly #pumped = new Map<number, number>();

  constructor(socket: Socket, expectsPreface: boolean, options: RawPeerOptions = {}) {
    this.socket = socket;
    this.#expectsPreface = expectsPreface;
    this.#givesCredit = options.givesCredit ?? true;
    this.#answersPing = options.answersPing ?? true;
    this.#answersSettings = options.answersSettings ?? true;
    this.#onFrame = options.onFrame ?? (() => undefined);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  send(...frames: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  sendHeaders(streamId: number, fields: Fields, endStream = false): void {
    this.send(headersFrame(streamId, fields, endStream));
  }

  /** Sends DATA even if the window has no room for it. */
  sendData(streamId: number, payload: Buffer, endStream = false): void {
    this.send(dataFrame(streamId, payload, endStream));
    this.#spend(streamId, payload.length);
  }

  sendReset(streamId: number, code: number): void {
    this.send(resetFrame(streamId, code));
  }

  /** Sends zeros on a stream whenever the windows have room, until `total` bytes are sent. */
  pump(streamId: number, total: number): void {
    this.#pumps.set(streamId, total);
    this.#pumpAll();
  }

  /** @returns the number of bytes that pump() has sent on a stream */
  pumped(streamId: number): number {
    return this.#pumped.get(streamId) ?? 0;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Resolves to the first frame for which `matches` holds, once there is one. */
  want(what: string, matches: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame> {
    const probe = (): ReceivedFrame | undefined => {
      const found = this.frames.find(matches);
      if (found === undefined && this.isClosed) throw new Error(`the connection was closed before ${what}`);
      return found;
    };
    return eventually(what, probe).catch((error: unknown) => {
      assert.fail(`${String(error)}; received:\n${this.describeFrames()}`);
    });
  }

  wantReset(streamId: number): Promise<ReceivedFrame> {
    return this.want(`RST_STREAM on stream ${streamId}`, isOf(FrameType.RST_STREAM, streamId));
  }

  wantGoAway(): Promise<ReceivedFrame> {
    return this.want('GOAWAY', isOf(FrameType.GOAWAY, 0));
  }

  wantClosed(): Promise<true> {
    return eventually('the connection is closed', () => this.isClosed);
  }

  framesOf(streamId: number): readonly ReceivedFrame[] {
    return this.frames.filter((frame) => frame.streamId === streamId);
  }

  /** @returns the content of all DATA of a stream so far */
  contentOf(streamId: number): Buffer {
    return Buffer.concat(
      this.framesOf(streamId)
        .filter((frame) => frame.type === FrameType.DATA)
        .map((frame) => frame.payload),
    );
  }

  /** @returns the latest frames, one per line */
  describeFrames(): string {
    return this.frames
      .slice(-40)
      .map((frame) => frameSummary(rawFrame(frame.type, frame.flags, frame.streamId, frame.payload)))
      .join('\n');
  }

  #receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#expectsPreface) {
      if (this.#bytes.length < CLIENT_PREFACE.length) return;
      assert.deepEqual(this.#bytes.subarray(0, CLIENT_PREFACE.length), CLIENT_PREFACE);
      this.#bytes = this.#bytes.subarray(CLIENT_PREFACE.length);
      this.#expectsPreface = false;
    }
    while (this.#bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      const frame = {
        type: this.#bytes[3],
        flags: this.#bytes[4],
        streamId: this.#bytes.readUInt32BE(5) & 0x7fffffff,
        payload: Buffer.from(this.#bytes.subarray(FRAME_HEADER_BYTES, end)),
      };
      this.#bytes = this.#bytes.subarray(end);
      this.#take(frame);
    }
  }

  #take(frame: RawFrame): void {
    if (frame.type === FrameType.HEADERS || frame.type === FrameType.CONTINUATION) {
      this.#block ??= { frame, pieces: [] };
      this.#block.pieces.push(frame.payload);
      if ((frame.flags & Flag.END_HEADERS) !== 0) this.#finishBlock(this.#block.frame, this.#block.pieces);
      return;
    }
    this.#answer(frame);
    this.#keep({ ...frame, fields: NO_FIELDS });
  }

  #finishBlock(frame: RawFrame, pieces: readonly Buffer[]): void {
    const block = Buffer.concat(pieces);
    this.#block = undefined;
    const { names, values } = this.#decoder.decode(block, 0, block.length);
    this.#keep({
      ...frame,
      payload: block,
      fields: names.map((name, index) => [name, values[index]] as const),
    });
  }

  #keep(frame: ReceivedFrame): void {
    this.frames.push(frame);
    this.#onFrame(frame);
  }

  #answer({ type, flags, streamId, payload }: RawFrame): void {
    const isAcknowledgement = (flags & Flag.ACK) !== 0;
    if (type === FrameType.SETTINGS && !isAcknowledgement) {
      this.#applySettings(payload);
      if (this.#answersSettings) this.send(rawFrame(FrameType.SETTINGS, Flag.ACK, 0, Buffer.alloc(0)));
    } else if (type === FrameType.PING && !isAcknowledgement) {
      if (this.#answersPing) this.send(rawFrame(FrameType.PING, Flag.ACK, 0, payload));
    } else if (type === FrameType.WINDOW_UPDATE) {
      this.#spend(streamId, -payload.readUInt32BE(0));
      this.#pumpAll();
    } else if (type === FrameType.DATA && this.#givesCredit && payload.length > 0) {
      this.send(windowUpdateFrame(0, payload.length), windowUpdateFrame(streamId, payload.length));
    }
  }

  #applySettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== SettingId.INITIAL_WINDOW_SIZE) continue;
      const difference = payload.readUInt32BE(at + 2) - this.#initialWindow;
      this.#initialWindow += difference;
      for (const [streamId, window] of this.#streamWindows) {
        this.#streamWindows.set(streamId, window + difference);
      }
    }
  }

  #windowOf(streamId: number): number {
    return streamId === 0
      ? this.#connectionWindow
      : (this.#streamWindows.get(streamId) ?? this.#initialWindow);
  }

  #spend(streamId: number, size: number): void {
    if (streamId !== 0) this.#streamWindows.set(streamId, this.#windowOf(streamId) - size);
    if (streamId === 0 || size > 0) this.#connectionWindow -= size;
  }

  #pumpAll(): void {
    for (const [streamId, total] of this.#pumps) {
      for (;;) {
        const sent = this.pumped(streamId);
        const room = Math.min(total - sent, this.#windowOf(streamId), this.#connectionWindow, 16_384);
        if (room <= 0) break;
        this.#pumped.set(streamId, sent + room);
        this.sendData(streamId, Buffer.alloc(room));
      }
    }
  }
}

/** @returns a predicate for frames of this type and stream */
export function isOf(type: number, streamId: number): (frame: RawFrame) => boolean {
  return (frame) => frame.type === type && frame.streamId === streamId;
}
