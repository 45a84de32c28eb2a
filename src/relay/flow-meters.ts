// How bytes of one direction are counted, for limits. A meter is offered each byte once, in order, and says how far they may pass. It
// copies nothing.

import { MessageCursor } from '../grpc/message-cursor.ts';

/** Where a meter gets tokens. */
export interface TokenTaker {
  /** @returns how many of the tokens it got: all, or the rest of those that it has waited for, or none */
  take(wanted: number): number;
}

export interface Meter {
  /**
   * @param seenEnd at least `end`. The bytes between the two have come, but may not pass yet: they are offered again
   * @returns the index after the last byte that may pass. Less than `end` if the bytes after that have to wait, or end the call.
   */
  scan(bytes: Buffer, start: number, end: number, seenEnd: number): number;
}

/** Takes a token for each message, before its first byte passes. */
export class MessageMeter implements Meter {
  readonly #tokens: TokenTaker;
  readonly #cursor = new MessageCursor();

  constructor(tokens: TokenTaker) {
    this.#tokens = tokens;
  }

  scan(bytes: Buffer, start: number, end: number): number {
    const cursor = this.#cursor;
    let at = start;
    while (at < end) {
      if (cursor.isInPayload) at = cursor.skipPayload(at, end);
      else if (cursor.isBetween && this.#tokens.take(1) === 0) return at;
      else at = cursor.readPrefix(bytes, at, end);
    }
    return at;
  }
}

/**
 * Judges each message by its length, when its first byte could pass, and before it does. Of a prefix that comes in pieces, the first bytes
 * may have passed then: to hold them back would need a buffer for each call.
 */
export class LengthMeter implements Meter {
  readonly #mayPass: (length: number) => boolean;
  /** After the last byte that was read. */
  readonly #cursor = new MessageCursor();
  /** How many bytes of a prefix were read, and may not pass yet. */
  #aheadBytes = 0;

  /** @param mayPass is asked for each message, with its length without the prefix; again, if it has said no and more is offered then */
  constructor(mayPass: (length: number) => boolean) {
    this.#mayPass = mayPass;
  }

  /** How many bytes of a message that may pass have not passed: they wait, or have not come. */
  get missingBytes(): number {
    return this.#aheadBytes + this.#cursor.payloadLeft;
  }

  scan(bytes: Buffer, start: number, end: number, seenEnd: number): number {
    const cursor = this.#cursor;
    let at = start + this.#aheadBytes;
    while (at < end) {
      if (cursor.isInPayload) {
        at = cursor.skipPayload(at, end);
        continue;
      }
      const begin = at;
      const { length } = cursor;
      // All that is left of the prefix is read, if it has come: not only what may pass.
      at = cursor.readPrefix(bytes, at, at + cursor.prefixLeft <= seenEnd ? seenEnd : end);
      if (cursor.isInPrefix || this.#mayPass(cursor.length)) continue;
      cursor.unreadPrefix(at - begin, length);
      this.#aheadBytes = 0;
      return begin;
    }
    this.#aheadBytes = at - end;
    return end;
  }
}

/** Takes a token for each byte, for some bytes at a time. */
export class ByteMeter implements Meter {
  readonly #tokens: TokenTaker;
  readonly #sliceBytes: number;

  constructor(tokens: TokenTaker, sliceBytes: number) {
    this.#tokens = tokens;
    this.#sliceBytes = sliceBytes;
  }

  scan(_bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const taken = this.#tokens.take(Math.min(this.#sliceBytes, end - at));
      if (taken === 0) return at;
      at += taken;
    }
    return at;
  }
}

/**
 * Follows the messages that another meter lets pass, so that its limit can end the call between two of them: where the call is to end, the rest
 * of a message passes without being counted.
 */
export class WholeMessageMeter implements Meter {
  readonly #meter: Meter;
  readonly #isOver: () => boolean;
  readonly #onEnd: () => void;
  readonly #cursor = new MessageCursor();

  /**
   * @param isOver whether the call is to end
   * @param onEnd ends it: the message that had begun has passed
   */
  constructor(meter: Meter, isOver: () => boolean, onEnd: () => void) {
    this.#meter = meter;
    this.#isOver = isOver;
    this.#onEnd = onEnd;
  }

  scan(bytes: Buffer, start: number, end: number, seenEnd: number): number {
    const cursor = this.#cursor;
    const counted = this.#isOver() ? start : this.#meter.scan(bytes, start, end, seenEnd);
    let at = start;
    while (at < counted) at = cursor.read(bytes, at, counted);
    if (!this.#isOver()) return at;
    while (at < end && !cursor.isBetween) at = cursor.read(bytes, at, end);
    if (cursor.isBetween) this.#onEnd();
    return at;
  }
}

/** Lets everything pass, and tells once of more than so many bytes. */
export class WatchedTotal implements Meter {
  readonly #mostBytes: number;
  readonly #onExceeded: () => void;
  #bytes = 0;

  constructor(mostBytes: number, onExceeded: () => void) {
    this.#mostBytes = mostBytes;
    this.#onExceeded = onExceeded;
  }

  scan(_bytes: Buffer, start: number, end: number): number {
    const before = this.#bytes;
    this.#bytes += end - start;
    if (before <= this.#mostBytes && this.#bytes > this.#mostBytes) this.#onExceeded();
    return end;
  }
}

/** Lets no more than so many bytes pass. */
export class TotalMeter implements Meter {
  readonly #mostBytes: number;
  readonly #onExceeded: (sizeBytes: number) => void;
  #bytes = 0;

  constructor(mostBytes: number, onExceeded: (sizeBytes: number) => void) {
    this.#mostBytes = mostBytes;
    this.#onExceeded = onExceeded;
  }

  scan(_bytes: Buffer, start: number, end: number): number {
    this.#bytes += end - start;
    const excess = this.#bytes - this.#mostBytes;
    if (excess <= 0) return end;
    this.#onExceeded(this.#bytes);
    return end - excess;
  }
}
