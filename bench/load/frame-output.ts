// The output of one connection of the load generator or the echo service: frames go into one buffer, which is written once per
// event-loop turn.

import type { Socket } from 'node:net';
import {
  CONNECTION_WINDOW,
  DEFAULT_WINDOW,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  PREFACE,
  Setting,
  STREAM_WINDOW,
} from './frames.ts';

const MAX_FRAME_BYTES = 16_384;
const FIRST_BUFFER_BYTES = 16_384;

export class FrameOutput {
  readonly #socket: Socket;
  #output = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);
  #length = 0;
  #flushIsDue = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends the client's preface (unless this is a server), SETTINGS, and a WINDOW_UPDATE for the connection. */
  begin(isServer: boolean): void {
    if (!isServer) this.#append(PREFACE, 0, PREFACE.length);
    const entries = [
      isServer ? [Setting.MAX_CONCURRENT_STREAMS, 1_000_000] : [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
      [Setting.MAX_HEADER_LIST_SIZE, 65_536],
    ];
    const payload = Buffer.alloc(entries.length * 6);
    for (const [index, [id, value]] of entries.entries()) {
      payload.writeUInt16BE(id, index * 6);
      payload.writeUInt32BE(value, index * 6 + 2);
    }
    this.frame(FrameType.SETTINGS, 0, 0, payload, 0, payload.length);
    this.number(FrameType.WINDOW_UPDATE, 0, CONNECTION_WINDOW - DEFAULT_WINDOW);
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer, start: number, end: number): void {
    this.#header(type, flags, streamId, end - start);
    this.#append(payload, start, end);
  }

  /** Sends a frame whose payload is one 32-bit number. */
  number(type: number, streamId: number, value: number): void {
    this.#header(type, 0, streamId, 4);
    this.#length = this.#output.writeUInt32BE(value, this.#length);
  }

  acknowledgeSettings(): void {
    this.#header(FrameType.SETTINGS, Flag.ACKNOWLEDGEMENT, 0, 0);
  }

  flush(): void {
    if (this.#length === 0 || this.#socket.destroyed) return;
    this.#socket.write(Buffer.from(this.#output.subarray(0, this.#length)));
    this.#length = 0;
  }

  #header(type: number, flags: number, streamId: number, length: number): void {
    if (length > MAX_FRAME_BYTES) throw new Error(`a frame of ${length} bytes is more than anybody takes`);
    this.#reserve(FRAME_HEADER_BYTES + length);
    const output = this.#output;
    const at = this.#length;
    output[at] = length >>> 16;
    output[at + 1] = length >>> 8;
    output[at + 2] = length;
    output[at + 3] = type;
    output[at + 4] = flags;
    this.#length = output.writeUInt32BE(streamId, at + 5);
  }

  #append(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    source.copy(this.#output, this.#length, start, end);
    this.#length += end - start;
  }

  #reserve(size: number): void {
    if (this.#length + size > this.#output.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#output.length + size);
      this.#output.copy(larger, 0, 0, this.#length);
      this.#output = larger;
    }
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(this.#flushLater);
  }

  readonly #flushLater = (): void => {
    this.#flushIsDue = false;
    this.flush();
  };
}
