// The body of a gRPC-Web request in base64: decodes it, and turns what was taken of the decoded octets into credit for
// the encoded ones, so that the client never has more than its window under way.

import { Base64Decoder } from '../../grpc/grpc-web-base64.ts';

export class TextRequestBody {
  readonly #decoder = new Base64Decoder();
  /** Since the last time that everything had been taken: octets received, made of them, taken of those, credited. */
  #encoded = 0;
  #decoded = 0;
  #taken = 0;
  #credited = 0;

  /** False where the body would end too early. */
  get isComplete(): boolean {
    return this.#decoder.isComplete;
  }

  /** @returns the decoded octets, or undefined when this is no base64 */
  decode(bytes: Buffer, start: number, end: number): Buffer | undefined {
    const decoded = this.#decoder.decode(bytes, start, end);
    this.#encoded += end - start;
    this.#decoded += decoded?.length ?? 0;
    return decoded;
  }

  /**
   * `size` decoded octets were taken.
   * @returns how many encoded ones the client may send for it. Each decoded octet stood for 4/3 of one at least; what
   * padding took beyond that comes back when nothing is left to take.
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
