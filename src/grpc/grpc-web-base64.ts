// Streaming base64 for application/grpc-web-text. A chunk may end anywhere, and a sender that flushes adds padding at the end of
// its chunk, even in the middle of a message (PROTOCOL-WEB: Text-encoded streams).

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const INVALID = 255;
const PADDING = 64;
const VALUES: Uint8Array = new Uint8Array(256).fill(INVALID);
for (let value = 0; value < ALPHABET.length; value++) VALUES[ALPHABET.charCodeAt(value)] = value;
VALUES['='.charCodeAt(0)] = PADDING;

/** Decodes one body. Invalid characters are an error and are not skipped, because that would shift all later frames. */
export class Base64Decoder {
  /** The state of the current group of four characters (up to three bytes): its bits, its characters, and how many are padding. */
  #bits = 0;
  #characters = 0;
  #padding = 0;

  /** Whether the input so far ends at the end of a group of four characters. */
  get isComplete(): boolean {
    return this.#characters === 0;
  }

  /** @returns the bytes that are now complete, or undefined if the input is not base64 */
  decode(chunk: Buffer, start: number, end: number): Buffer | undefined {
    const decoded = Buffer.allocUnsafe(Math.floor((this.#characters + end - start) / 4) * 3);
    let length = 0;
    for (let at = start; at < end; at++) {
      if (!this.#take(VALUES[chunk[at]])) return undefined;
      if (this.#characters < 4) continue;
      decoded[length++] = this.#bits >> 16;
      if (this.#padding < 2) decoded[length++] = this.#bits >> 8;
      if (this.#padding < 1) decoded[length++] = this.#bits;
      this.#bits = 0;
      this.#characters = 0;
      this.#padding = 0;
    }
    return decoded.subarray(0, length);
  }

  #take(value: number): boolean {
    if (value === INVALID) return false;
    if (value === PADDING) {
      if (this.#characters < 2) return false;
      this.#padding++;
    } else if (this.#padding > 0) {
      return false;
    }
    this.#bits = (this.#bits << 6) | (value & 63);
    this.#characters++;
    return true;
  }
}

/** @returns a complete base64 text with padding, so that it can be sent at once and more chunks can follow */
export function encodeBase64(bytes: Buffer, start: number, end: number): Buffer {
  return Buffer.from(bytes.toString('base64', start, end), 'latin1');
}
