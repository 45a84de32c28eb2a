// Counts the length-prefixed messages of one direction of a stream (gRPC over HTTP/2: Length-Prefixed-Message is a
// flag octet, four octets of length, and the message). DATA frames and messages need not coincide.
// On the path of every DATA frame: no copies, no allocation. It judges nothing: garbage is counted, never refused.

const PREFIX_OCTETS = 5;

export class MessageCounter {
  /** Messages whose last octet has been seen. */
  messages = 0;
  /** Octets of the current message's payload still to come. */
  #payloadLeft = 0;
  /** Octets seen of a prefix that is split over chunks, 0 when none is. */
  #prefixSeen = 0;
  /** The length as far as a split prefix has told it. */
  #length = 0;

  /** True between the first and the last octet of a message: a stream that ends now ends in mid-message. */
  get isInsideMessage(): boolean {
    return this.#payloadLeft > 0 || this.#prefixSeen > 0;
  }

  /** Takes the octets of one DATA frame, without its padding. */
  consume(chunk: Buffer, start: number, end: number): void {
    let at = start;
    if (this.#payloadLeft > 0 || this.#prefixSeen > 0) at = this.#finishMessage(chunk, start, end);
    while (end - at >= PREFIX_OCTETS) {
      // The top octet is multiplied, as shifting it by 24 would make lengths of 2 GiB and more negative.
      const length =
        chunk[at + 1] * 0x1000000 + ((chunk[at + 2] << 16) | (chunk[at + 3] << 8) | chunk[at + 4]);
      at += PREFIX_OCTETS + length;
      if (at > end) {
        this.#payloadLeft = at - end;
        return;
      }
      this.messages += 1;
    }
    if (at < end) this.#readPrefix(chunk, at, end);
  }

  /** Goes on with the message that an earlier chunk began; returns where the next message begins, or `end`. */
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

  /** Reads as much of a prefix as there is; when it is complete, the payload is next (an empty one is counted here). */
  #readPrefix(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefixSeen < PREFIX_OCTETS) {
      if (this.#prefixSeen > 0) this.#length = this.#length * 256 + chunk[at];
      this.#prefixSeen += 1;
      at += 1;
    }
    if (this.#prefixSeen < PREFIX_OCTETS) return at;
    this.#payloadLeft = this.#length;
    this.#prefixSeen = 0;
    this.#length = 0;
    if (this.#payloadLeft === 0) this.messages += 1;
    return at;
  }
}
