// Where the next byte of one direction of a stream is among its length-prefixed messages (a flag byte, four bytes of length, and as many
// bytes). DATA frames and messages need not have the same boundaries. It can step back, for bytes that are offered again; MessageCounter,
// which counts all DATA of all calls, cannot.

export const PREFIX_BYTES = 5;

export class MessageCursor {
  #prefixSeen = 0;
  /** Of the message, as far as its prefix has come. */
  length = 0;
  #payloadLeft = 0;

  /** Whether the next byte begins a message. */
  get isBetween(): boolean {
    return this.#prefixSeen === 0 && this.#payloadLeft === 0;
  }

  get isInPayload(): boolean {
    return this.#payloadLeft > 0;
  }

  /** How many bytes of the message, whose whole prefix has come, are still to come. */
  get payloadLeft(): number {
    return this.#payloadLeft;
  }

  /** How many bytes of the prefix are still to come, if the next byte is one of a prefix. */
  get prefixLeft(): number {
    return PREFIX_BYTES - this.#prefixSeen;
  }

  /** Forgets the last bytes of a whole prefix, since they are offered again. @param length as it was before them */
  unreadPrefix(count: number, length: number): void {
    this.#prefixSeen = PREFIX_BYTES - count;
    this.length = length;
    this.#payloadLeft = 0;
  }

  /** @returns the index after what was read of the prefix; all of it was read if the cursor is not inside of it then */
  readPrefix(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#prefixSeen === 0) this.length = 0;
    while (at < end && this.#prefixSeen < PREFIX_BYTES) {
      // Not shifted, since lengths of 2 GiB and more would be negative.
      if (this.#prefixSeen > 0) this.length = this.length * 256 + bytes[at];
      this.#prefixSeen++;
      at++;
    }
    if (this.#prefixSeen === PREFIX_BYTES) {
      this.#prefixSeen = 0;
      this.#payloadLeft = this.length;
    }
    return at;
  }

  get isInPrefix(): boolean {
    return this.#prefixSeen > 0;
  }

  /** @returns the index after what was read, of the prefix or of the payload */
  read(bytes: Buffer, start: number, end: number): number {
    return this.isInPayload ? this.skipPayload(start, end) : this.readPrefix(bytes, start, end);
  }

  /** @returns the index after what was skipped of the payload */
  skipPayload(start: number, end: number): number {
    const size = Math.min(end - start, this.#payloadLeft);
    this.#payloadLeft -= size;
    return start + size;
  }

  /** Goes to where another cursor is. */
  goTo(other: MessageCursor): void {
    this.#prefixSeen = other.#prefixSeen;
    this.length = other.length;
    this.#payloadLeft = other.#payloadLeft;
  }
}
