// Counts the length-prefixed messages of one direction of a stream (gRPC over HTTP/2: a Length-Prefixed-Message is a flag byte,
// four bytes of length, and the message). DATA frames and messages need not have the same boundaries.
// It runs for every DATA frame, so it neither copies nor allocates. It validates nothing: garbage is counted, never refused.

const PREFIX_BYTES = 5;

export class MessageCounter {
  /** The number of complete messages. */
  messages = 0;
  /** The number of payload bytes of the current message that have not arrived yet. */
  #payloadLeft = 0;
  /** The number of bytes seen of a prefix that is split over chunks. 0 means no prefix is split. */
  #prefixSeen = 0;
  /** The length in a split prefix, as far as it has arrived. */
  #length = 0;

  /** Whether a message is incomplete: if the stream ended now, it would end in the middle of a message. */
  get isInsideMessage(): boolean {
    return this.#payloadLeft > 0 || this.#prefixSeen > 0;
  }

  /** Counts in the content of one DATA frame, without its padding. */
  consume(chunk: Buffer, start: number, end: number): void {
    let at = start;
    if (this.#payloadLeft > 0 || this.#prefixSeen > 0) at = this.#finishMessage(chunk, start, end);
    while (end - at >= PREFIX_BYTES) {
      // The top byte is multiplied, because shifting it by 24 would make lengths of 2 GiB and more negative.
      const length =
        chunk[at + 1] * 0x1000000 + ((chunk[at + 2] << 16) | (chunk[at + 3] << 8) | chunk[at + 4]);
      at += PREFIX_BYTES + length;
      if (at > end) {
        this.#payloadLeft = at - end;
        return;
      }
      this.messages += 1;
    }
    if (at < end) this.#readPrefix(chunk, at, end);
  }

  /**
   * Continues the message that an earlier chunk began.
   * @returns where the next message begins, or `end`
   */
  #finishMessage(chunk: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#prefixSeen > 0) {
      at = this.#readPrefix(chunk, at, end);
      if (this.#prefixSeen > 0) return at;
      if (this.#payloadLeft === 0) return at;
    }
    const available = end - at;
    if (available < this.#payloadLeft) {
      this.#payloadLeft -= available;
      return end;
    }
    at += this.#payloadLeft;
    this.#payloadLeft = 0;
    this.messages += 1;
    return at;
  }

  /**
   * Reads as much of a prefix as has arrived. A complete prefix sets #payloadLeft; if the payload is empty, the message is
   * counted here.
   * @returns the index after the last byte read
   */
  #readPrefix(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefixSeen < PREFIX_BYTES) {
      if (this.#prefixSeen > 0) this.#length = this.#length * 256 + chunk[at];
      this.#prefixSeen += 1;
      at += 1;
    }
    if (this.#prefixSeen < PREFIX_BYTES) return at;
    this.#payloadLeft = this.#length;
    this.#prefixSeen = 0;
    this.#length = 0;
    if (this.#payloadLeft === 0) this.messages += 1;
    return at;
  }
}
