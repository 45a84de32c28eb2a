// One HTTP/2 connection of the load generator or the echo service, frame by frame. It has no objects for requests and no HPACK
// (blocks are sent ready-made, and received ones are only counted), so that the CPU is left to the proxy. It shares no code with
// src, and never exceeds a window: what does not fit waits for WINDOW_UPDATE.

import type { Socket } from 'node:net';
import { FrameOutput } from './frame-output.ts';
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

/** The callbacks of a connection's owner. `bytes` is valid only during the call. */
export interface FrameOwner {
  /** Called when the peer's first SETTINGS have been applied. */
  onReady(): void;
  onHeaders(streamId: number, endStream: boolean): void;
  onData(streamId: number, bytes: Buffer, start: number, end: number, endStream: boolean): void;
  onReset(streamId: number, code: number): void;
  /** Called once, when nothing more will arrive. The reason is a sentence. */
  onEnd(reason: string): void;
}

interface StreamWindows {
  send: number;
  uncredited: number;
}

/** Waiting DATA, or trailers that must not overtake it. */
interface Waiting {
  readonly streamId: number;
  readonly bytes: Buffer;
  readonly endStream: boolean;
  readonly isHeaders: boolean;
}

export class FrameConnection {
  /** The size of the peer's HPACK table that this side may use. */
  peerHeaderTableBytes = 4096;
  readonly #socket: Socket;
  readonly #owner: FrameOwner;
  readonly #output: FrameOutput;
  readonly #streams = new Map<number, StreamWindows>();
  #waiting: Waiting[] = [];
  #initialSendWindow = DEFAULT_WINDOW;
  #sendWindow = DEFAULT_WINDOW;
  #uncredited = 0;
  #rest: Buffer | undefined = undefined;
  #prefaceLeft: number;
  #isReady = false;
  #hasEnded = false;

  constructor(socket: Socket, isServer: boolean, owner: FrameOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#prefaceLeft = isServer ? PREFACE.length : 0;
    this.#output = new FrameOutput(socket);
    this.#output.begin(isServer);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('the connection was closed'));
  }

  sendHeaders(streamId: number, block: Buffer, endStream: boolean): void {
    if (!this.#streams.has(streamId))
      this.#streams.set(streamId, { send: this.#initialSendWindow, uncredited: 0 });
    else if (this.#waiting.some((item) => item.streamId === streamId)) {
      this.#waiting.push({ streamId, bytes: block, endStream, isHeaders: true });
      return;
    }
    this.#writeHeaders(streamId, block, endStream);
  }

  #writeHeaders(streamId: number, block: Buffer, endStream: boolean): void {
    const flags = Flag.END_HEADERS | (endStream ? Flag.END_STREAM : 0);
    this.#output.frame(FrameType.HEADERS, flags, streamId, block, 0, block.length);
    if (endStream) this.#streams.delete(streamId);
  }

  /** Sends at most one frame's worth of DATA. `bytes` is copied if the data must wait. */
  sendData(streamId: number, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const windows = this.#streams.get(streamId);
    if (windows === undefined) return;
    if (this.#waiting.length > 0 || end - start > Math.min(windows.send, this.#sendWindow)) {
      const copy = Buffer.from(bytes.subarray(start, end));
      this.#waiting.push({ streamId, bytes: copy, endStream, isHeaders: false });
      return;
    }
    this.#writeData(streamId, windows, bytes, start, end, endStream);
  }

  reset(streamId: number, code: number): void {
    this.#streams.delete(streamId);
    this.#output.number(FrameType.RST_STREAM, streamId, code);
  }

  /** Sends and counts nothing more on a stream, because its response is complete. */
  forget(streamId: number): void {
    this.#streams.delete(streamId);
  }

  close(): void {
    this.#hasEnded = true;
    this.flush();
    this.#socket.end();
  }

  /** Writes buffered frames now instead of in the next event-loop turn. */
  flush(): void {
    this.#output.flush();
  }

  #end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#socket.destroy();
    this.#owner.onEnd(reason);
  }

  #receive(chunk: Buffer): void {
    if (this.#hasEnded) return;
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let position = Math.min(this.#prefaceLeft, bytes.length);
    this.#prefaceLeft -= position;
    while (bytes.length - position >= FRAME_HEADER_BYTES) {
      const length = (bytes[position] << 16) | (bytes[position + 1] << 8) | bytes[position + 2];
      const end = position + FRAME_HEADER_BYTES + length;
      if (end > bytes.length) break;
      this.#handle(bytes, position, end);
      position = end;
    }
    this.#rest = position === bytes.length ? undefined : bytes.subarray(position);
  }

  #handle(bytes: Buffer, start: number, end: number): void {
    const flags = bytes[start + 4];
    const streamId = bytes.readUInt32BE(start + 5) & 0x7fffffff;
    const payload = start + FRAME_HEADER_BYTES;
    switch (bytes[start + 3]) {
      case FrameType.DATA:
        this.#handleData(streamId, flags, bytes, payload, end);
        return;
      case FrameType.HEADERS:
        // The content of the block does not matter, so CONTINUATION frames can be ignored; END_STREAM is on HEADERS.
        this.#owner.onHeaders(streamId, (flags & Flag.END_STREAM) !== 0);
        return;
      case FrameType.RST_STREAM:
        this.#streams.delete(streamId);
        this.#owner.onReset(streamId, bytes.readUInt32BE(payload));
        return;
      case FrameType.SETTINGS:
        if ((flags & Flag.ACKNOWLEDGEMENT) === 0) this.#handleSettings(bytes, payload, end);
        return;
      case FrameType.PING:
        if ((flags & Flag.ACKNOWLEDGEMENT) !== 0) return;
        this.#output.frame(FrameType.PING, Flag.ACKNOWLEDGEMENT, 0, bytes, payload, end);
        return;
      case FrameType.GOAWAY:
        this.#end(`the proxy sent GOAWAY with code ${bytes.readUInt32BE(payload + 4)}`);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#handleWindowUpdate(streamId, bytes.readUInt32BE(payload) & 0x7fffffff);
        return;
    }
  }

  #handleData(streamId: number, flags: number, bytes: Buffer, payload: number, end: number): void {
    const size = end - payload;
    const endStream = (flags & Flag.END_STREAM) !== 0;
    this.#uncredited += size;
    if (this.#uncredited >= CONNECTION_WINDOW / 2) {
      this.#output.number(FrameType.WINDOW_UPDATE, 0, this.#uncredited);
      this.#uncredited = 0;
    }
    const windows = this.#streams.get(streamId);
    if (windows !== undefined && !endStream) {
      windows.uncredited += size;
      if (windows.uncredited >= STREAM_WINDOW / 2) {
        this.#output.number(FrameType.WINDOW_UPDATE, streamId, windows.uncredited);
        windows.uncredited = 0;
      }
    }
    const padding = (flags & Flag.PADDED) === 0 ? 0 : bytes[payload] + 1;
    const start = padding === 0 ? payload : payload + 1;
    this.#owner.onData(streamId, bytes, start, end - Math.max(0, padding - 1), endStream);
  }

  #handleSettings(bytes: Buffer, start: number, end: number): void {
    for (let position = start; position + 6 <= end; position += 6) {
      const value = bytes.readUInt32BE(position + 2);
      switch (bytes.readUInt16BE(position)) {
        case Setting.HEADER_TABLE_SIZE:
          this.peerHeaderTableBytes = value;
          break;
        case Setting.INITIAL_WINDOW_SIZE:
          for (const windows of this.#streams.values()) windows.send += value - this.#initialSendWindow;
          this.#initialSendWindow = value;
          break;
      }
    }
    this.#output.acknowledgeSettings();
    this.#sendWaiting();
    if (this.#isReady) return;
    this.#isReady = true;
    this.#owner.onReady();
  }

  #handleWindowUpdate(streamId: number, size: number): void {
    if (streamId === 0) this.#sendWindow += size;
    else {
      const windows = this.#streams.get(streamId);
      if (windows !== undefined) windows.send += size;
    }
    if (this.#waiting.length > 0) this.#sendWaiting();
  }

  /** Sends what waits, in order. A stream that still has no window does not hold up the others. */
  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const blocked = new Set<number>();
    for (const item of waiting) {
      const { streamId, bytes, endStream } = item;
      const windows = this.#streams.get(streamId);
      if (windows === undefined) continue;
      const fits = item.isHeaders || bytes.length <= Math.min(windows.send, this.#sendWindow);
      if (blocked.has(streamId) || !fits) {
        blocked.add(streamId);
        this.#waiting.push(item);
      } else if (item.isHeaders) this.#writeHeaders(streamId, bytes, endStream);
      else this.#writeData(streamId, windows, bytes, 0, bytes.length, endStream);
    }
  }

  #writeData(
    streamId: number,
    windows: StreamWindows,
    bytes: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    windows.send -= end - start;
    this.#sendWindow -= end - start;
    this.#output.frame(FrameType.DATA, endStream ? Flag.END_STREAM : 0, streamId, bytes, start, end);
  }
}
