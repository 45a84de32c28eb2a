// Passes so many whole gRPC messages on to a stream, and then nothing more: for a route that resets streams on purpose (`fault`).
// It stands between a StreamRelay and its target for those calls alone.

import type { CallStream } from '../calls/call-stream.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { StreamRoom } from '../h2/stream-room.ts';

const PREFIX_BYTES = 5;

/** Where the next byte is in its message. */
interface Place {
  readonly messagesLeft: number;
  readonly prefixSeen: number;
  readonly payloadLeft: number;
}

export class MessageGate implements CallStream {
  readonly #target: CallStream;
  readonly #onShut: () => void;
  #messagesLeft: number;
  /** How many bytes of the prefix have passed. PREFIX_BYTES within a payload. */
  #prefixSeen = 0;
  /** The length in a prefix as far as it has passed, or what is left of the payload. */
  #payloadLeft = 0;
  #isShut = false;

  /** @param messages at least 1. @param onShut is called once, within `sendData`, when the target has taken the last one */
  constructor(target: CallStream, messages: number, onShut: () => void) {
    this.#target = target;
    this.#messagesLeft = messages;
    this.#onShut = onShut;
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.#isShut) return 0;
    const before = this.#place;
    const cut = this.#pass(bytes, start, end);
    const isLast = this.#messagesLeft === 0;
    const taken = this.#target.sendData(bytes, start, cut, endStream && !isLast);
    if (taken < cut - start) {
      // The rest is offered again.
      this.#goTo(before);
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

  get room(): StreamRoom {
    return this.#target.room;
  }

  get #place(): Place {
    return {
      messagesLeft: this.#messagesLeft,
      prefixSeen: this.#prefixSeen,
      payloadLeft: this.#payloadLeft,
    };
  }

  #goTo({ messagesLeft, prefixSeen, payloadLeft }: Place): void {
    this.#messagesLeft = messagesLeft;
    this.#prefixSeen = prefixSeen;
    this.#payloadLeft = payloadLeft;
  }

  /** Follows the messages. @returns the index after the last message that may pass, or `end` */
  #pass(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#messagesLeft > 0) {
      if (this.#prefixSeen < PREFIX_BYTES) {
        if (this.#prefixSeen > 0) this.#payloadLeft = this.#payloadLeft * 256 + bytes[at];
        this.#prefixSeen++;
        at++;
      } else {
        const size = Math.min(end - at, this.#payloadLeft);
        this.#payloadLeft -= size;
        at += size;
      }
      if (this.#prefixSeen < PREFIX_BYTES || this.#payloadLeft > 0) continue;
      this.#prefixSeen = 0;
      this.#messagesLeft--;
    }
    return at;
  }
}
