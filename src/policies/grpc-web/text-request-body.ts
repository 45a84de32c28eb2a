// Decodes the base64 body of a gRPC-Web request. It also converts the credit for decoded bytes into credit for encoded bytes, so that the
// client never has more than its window in flight.

import { Base64Decoder } from '../../grpc/grpc-web-base64.ts';

export class TextRequestBody {
  readonly #decoder = new Base64Decoder();
  /** Encoded bytes received. This count and those below are reset when all decoded bytes have been taken. */
  #encoded = 0;
  /** Bytes decoded. */
  #decoded = 0;
  /** Decoded bytes that were taken. */
  #taken = 0;
  /** Encoded bytes that were credited. */
  #credited = 0;

  /** Whether the body may end here: false inside of a group of four characters. */
  get isComplete(): boolean {
    return this.#decoder.isComplete;
  }

  /** @returns the decoded bytes, or undefined if the input is not base64 */
  decode(bytes: Buffer, start: number, end: number): Buffer | undefined {
    const decoded = this.#decoder.decode(bytes, start, end);
    this.#encoded += end - start;
    this.#decoded += decoded?.length ?? 0;
    return decoded;
  }

  /**
   * Call this when `size` decoded bytes were taken.
   * @returns how many encoded bytes to credit. A decoded byte takes at least 4/3 encoded bytes. The rest, which is padding, is credited
   * when all decoded bytes have been taken.
   */
  creditFor(size: number): number {
    this.#taken += size;
    if (this.#taken < this.#decoded) {
      const due = Math.floor((this.#taken * 4) / 3) - this.#credited;
      this.#credited += due;
      return due;
    }
    const rest = this.#encoded - this.#credited;
    this.#encoded = 0;
    this.#decoded = 0;
    this.#taken = 0;
    this.#credited = 0;
    return rest;
  }
}
