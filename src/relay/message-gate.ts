// Passes so many whole gRPC messages on to a stream, and then nothing more: for a route that resets streams on purpose (`fault`).
// It stands between a StreamRelay and its target for those calls alone.

import type { CallStream } from '../calls/call-stream.ts';
import { MessageCursor } from '../grpc/message-cursor.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { StreamRoom } from '../h2/stream-room.ts';

export class MessageGate implements CallStream {
  readonly #target: CallStream;
  readonly #onShut: () => void;
  #messagesLeft: number;
  /** At the next byte to pass. */
  readonly #cursor = new MessageCursor();
  /** At the first byte of what is offered. */
  readonly #offered = new MessageCursor();
  #isShut = false;

  /** @param messages at least 1. @param onShut is called once, within `sendData`, when the target has taken the last one */
  constructor(target: CallStream, messages: number, onShut: () => void) {
    this.#target = target;
    this.#messagesLeft = messages;
    this.#onShut = onShut;
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.#isShut) return 0;
    const messagesLeft = this.#messagesLeft;
    this.#offered.goTo(this.#cursor);
    const cut = this.#pass(bytes, start, end);
    const isLast = this.#messagesLeft === 0;
    const taken = this.#target.sendData(bytes, start, cut, endStream && !isLast);
    if (taken < cut - start) {
      // The rest is offered again.
      this.#messagesLeft = messagesLeft;
      this.#cursor.goTo(this.#offered);
      this.#pass(bytes, start, start + taken);
    } else if (isLast) {
      this.#isShut = true;
      this.#onShut();
    }
    return taken;
  }

  sendHeaders(list: HeaderList, endStream: boolean, suffix?: Buffer, suffixLength?: number): boolean {
    return !this.#isShut && this.#target.sendHeaders(list, endStream, suffix, suffixLength);
  }

  reset(code: number): boolean {
    return this.#target.reset(code);
  }

  credit(size: number): void {
    this.#target.credit(size);
  }

  get sentStatus(): number | undefined {
    return this.#target.sentStatus;
  }

  get roomBytes(): number {
    return this.#isShut ? 0 : this.#target.roomBytes;
  }

  get room(): StreamRoom {
    return this.#target.room;
  }

  /** Follows the messages. @returns the index after the last message that may pass, or `end` */
  #pass(bytes: Buffer, start: number, end: number): number {
    const cursor = this.#cursor;
    let at = start;
    while (at < end && this.#messagesLeft > 0) {
      at = cursor.isInPayload ? cursor.skipPayload(at, end) : cursor.readPrefix(bytes, at, end);
      if (cursor.isBetween) this.#messagesLeft--;
    }
    return at;
  }
}
