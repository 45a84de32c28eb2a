// What the relay sends to a service, piece by piece: the body of a request, or the client's bytes of a WebSocket. It accepts nothing
// before there is a connection, and then no more than the connection has room for. The rest stays with the relay.

import type { Framing } from './request-fields.ts';
import { fieldLines } from './request-head.ts';

/** Where the body goes. */
export interface BodyTarget {
  /** Sends the bytes, which may not be changed any more. @returns whether there is room for more */
  write(bytes: Buffer): boolean;
  /** Bytes that wait for the service to take them. */
  readonly unsentBytes: number;
}

export interface RequestBodyEvents {
  /** There is a connection. Nothing may be sent before this. */
  onOpen(): void;
  /** There is room for more bytes. */
  onRoom(): void;
  /** The client has sent everything. */
  onSent(): void;
}

export class RequestBody {
  sentBytes = 0;
  readonly #framing: Framing;
  readonly #events: RequestBodyEvents;
  #target: BodyTarget | undefined = undefined;
  #hasRoom = false;
  #hasEnded = false;
  /** What ends the body, until there is a connection to send it on. */
  #heldEnd: string | undefined = undefined;

  /** @param framing 'length' also for a WebSocket: its bytes go as they are */
  constructor(framing: Framing, events: RequestBodyEvents) {
    this.#framing = framing;
    this.#events = events;
  }

  /** Whether the service would accept more. */
  get hasRoom(): boolean {
    return this.#target !== undefined && this.#hasRoom && !this.#hasEnded;
  }

  /** Bytes that wait for the service to take them. */
  get unsentBytes(): number {
    return this.#target?.unsentBytes ?? 0;
  }

  /** The end of the body was sent, or there will be none. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** From now on the body is sent to `target`. */
  open(target: BodyTarget): void {
    if (this.#hasEnded && this.#heldEnd === undefined) return;
    this.#target = target;
    this.#hasRoom = true;
    this.#events.onOpen();
    if (this.#heldEnd !== undefined) this.#sendEnd(this.#heldEnd);
  }

  /** The target has room again. */
  drained(): void {
    if (this.#hasEnded) return;
    this.#hasRoom = true;
    this.#events.onRoom();
  }

  /** @returns how many bytes were taken; an end without bytes is always accepted */
  send(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const size = end - start;
    if (this.#hasEnded) return 0;
    if (size === 0) {
      if (endStream) this.#finish('');
      return 0;
    }
    const target = this.#target;
    if (target === undefined || !this.#hasRoom) return 0;
    this.sentBytes += size;
    this.#hasRoom = target.write(this.#framed(bytes, start, end));
    if (endStream) this.#finish('');
    return size;
  }

  /**
   * Sends the trailers after the whole body. Without chunks there is no place for them.
   * @param trailers names and values alternating
   * @returns false when HTTP/1.1 has no form for a field; nothing was sent then
   */
  sendTrailers(trailers: readonly string[]): boolean {
    if (this.#hasEnded) return true;
    const lines = fieldLines(trailers);
    if (lines !== undefined) this.#finish(lines);
    return lines !== undefined;
  }

  /** Ends the body without sending the rest. May be called again, and without `open`. */
  stop(): void {
    this.#target = undefined;
    this.#heldEnd = undefined;
    this.#hasEnded = true;
  }

  /** Copies the bytes, since their buffer is reused for the next read. */
  #framed(bytes: Buffer, start: number, end: number): Buffer {
    if (this.#framing !== 'chunked') return Buffer.from(bytes.subarray(start, end));
    const size = `${(end - start).toString(16)}\r\n`;
    const chunk = Buffer.allocUnsafe(size.length + end - start + END_OF_LINE.length);
    chunk.write(size, 'latin1');
    bytes.copy(chunk, size.length, start, end);
    chunk.write(END_OF_LINE, chunk.length - END_OF_LINE.length, 'latin1');
    return chunk;
  }

  #finish(trailerLines: string): void {
    this.#hasEnded = true;
    const end = this.#framing === 'chunked' ? `0\r\n${trailerLines}\r\n` : '';
    if (this.#target === undefined) this.#heldEnd = end;
    else this.#sendEnd(end);
  }

  #sendEnd(end: string): void {
    this.#heldEnd = undefined;
    if (end !== '') this.#target?.write(Buffer.from(end, 'latin1'));
    this.#events.onSent();
  }
}

const END_OF_LINE = '\r\n';
