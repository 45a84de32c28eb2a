// Takes messages out of the DATA of a request or a response (gRPC over HTTP/2: Length-Prefixed-Message). Bytes in, decisions out.

export const PREFIX_BYTES = 5;
const MOST_KEPT_BYTES = 1024;

/** Puts the prefix before a message. */
export function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export class MessageReader {
  readonly #mostBytes: number;
  /** What has come of a message: its first `#length` bytes. */
  #held: Buffer = Buffer.alloc(PREFIX_BYTES);
  #length = 0;

  /** @param mostBytes a longer message is refused before it has come */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /**
   * @param onMessage gets each message without its prefix, and returns what is wrong with it; the bytes are valid only during the call
   * @returns what is wrong with the stream, which must not be read any further then, or undefined
   */
  read(bytes: Buffer, onMessage: (message: Buffer) => string | undefined): string | undefined {
    let from = 0;
    while (from < bytes.length) {
      const wanted = this.#length < PREFIX_BYTES ? PREFIX_BYTES : this.#endOfMessage;
      const taken = Math.min(wanted - this.#length, bytes.length - from);
      this.#take(bytes, from, taken, wanted);
      from += taken;
      const fault = this.#length >= PREFIX_BYTES ? this.#advance(onMessage) : undefined;
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  get #endOfMessage(): number {
    return PREFIX_BYTES + this.#held.readUInt32BE(1);
  }

  /** The buffer is as long as what has come demands, twice over, so that a message in small pieces is not copied for each of them. */
  #take(bytes: Buffer, from: number, count: number, wanted: number): void {
    const end = this.#length + count;
    if (end > this.#held.length) {
      const longer = Buffer.alloc(Math.min(wanted, 2 * end));
      this.#held.copy(longer, 0, 0, this.#length);
      this.#held = longer;
    }
    bytes.copy(this.#held, this.#length, from, from + count);
    this.#length = end;
  }

  #advance(onMessage: (message: Buffer) => string | undefined): string | undefined {
    if (this.#held[0] !== 0) return 'a compressed message, which was not asked for';
    const end = this.#endOfMessage;
    if (end - PREFIX_BYTES > this.#mostBytes) return `a message of ${end - PREFIX_BYTES} bytes`;
    if (this.#length < end) return undefined;
    const message = this.#held.subarray(PREFIX_BYTES, end);
    this.#length = 0;
    // What waits for its next message for minutes keeps no large buffer.
    if (this.#held.length > MOST_KEPT_BYTES) this.#held = Buffer.alloc(PREFIX_BYTES);
    return onMessage(message);
  }
}
