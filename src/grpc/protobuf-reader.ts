// Reads the fields of a message of Protocol Buffers one after the other: as much of the wire format as the messages here need. Bytes
// in, decisions out: whatever the bytes are, nothing is thrown and nothing is read beyond them.

export const VARINT = 0;
export const FIXED_64 = 1;
export const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

export class ProtobufReader {
  readonly #bytes: Buffer;
  #at = 0;

  /** @param bytes a message without its prefix; must stay as it is while it is read */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** @returns undefined if there is no complete number, or one of more than 64 bits. Above 2^53 it is not exact */
  readVarint(): number | undefined {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      if (this.isAtEnd) return undefined;
      const byte = this.#bytes[this.#at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  /** @returns undefined if there are fewer than eight bytes; may be NaN or infinite */
  readDouble(): number | undefined {
    if (this.#at + 8 > this.#bytes.length) return undefined;
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  /** @returns a view of what a length-delimited field holds, or undefined if it is not complete */
  readBytes(): Buffer | undefined {
    const length = this.readVarint();
    if (length === undefined || length > this.#bytes.length - this.#at) return undefined;
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  /** @returns false for what cannot be skipped */
  skip(wireType: number): boolean {
    if (wireType === VARINT) return this.readVarint() !== undefined;
    if (wireType === FIXED_64) this.#at += 8;
    else if (wireType === FIXED_32) this.#at += 4;
    else if (wireType === LENGTH_DELIMITED) {
      const length = this.readVarint();
      if (length === undefined) return false;
      this.#at += length;
    } else return false;
    return this.#at <= this.#bytes.length;
  }
}
