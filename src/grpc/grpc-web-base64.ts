// The base64 of application/grpc-web-text, as a stream: chunks are cut anywhere, and whoever had to flush has put padding
// where its chunk ended, also in the middle of a message (PROTOCOL-WEB: Text-encoded streams).

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const INVALID = 255;
const PADDING = 64;
const VALUES: Uint8Array = new Uint8Array(256).fill(INVALID);
for (let value = 0; value < ALPHABET.length; value++) VALUES[ALPHABET.charCodeAt(value)] = value;
VALUES['='.charCodeAt(0)] = PADDING;

/** Decodes one body. What is no base64 is found, not skipped: skipped octets would shift the frames behind them. */
export class Base64Decoder {
  /** Of the four characters that make up to three octets: their bits, how many there are, and how many are padding. */
  #bits = 0;
  #characters = 0;
  #padding = 0;

  /** False where the body would end in the middle of four characters. */
  get isComplete(): boolean {
    return this.#characters === 0;
  }

  /** @returns the octets that are complete now, or undefined when this is no base64 */
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

/** Complete in itself, padding included, so that it can be sent at once and other chunks may follow. */
export function encodeBase64(bytes: Buffer, start: number, end: number): Buffer {
  return Buffer.from(bytes.toString('base64', start, end), 'latin1');
}
