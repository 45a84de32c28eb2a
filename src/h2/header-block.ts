// Collects a header block that is spread over HEADERS and CONTINUATION frames (RFC 9113 section 4.3), within bounds: endless
// CONTINUATION frames are an attack (CVE-2024-27316 and others, and CVE-2026-33871 with empty frames).

import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';

export class HeaderBlock {
  readonly #maxBytes: number;
  readonly #mostContinuations: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  streamId = 0;
  endStream = false;

  /** @param maxBytes limits the block as sent, in compressed bytes */
  constructor(maxBytes: number, mostContinuations: number) {
    this.#maxBytes = maxBytes;
    this.#mostContinuations = mostContinuations;
  }

  /** A block has begun and its END_HEADERS is still to come. Only CONTINUATION of the same stream may follow (section 6.10). */
  get isOpen(): boolean {
    return this.streamId !== 0;
  }

  begin(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#pieces = [];
    this.#bytes = 0;
    this.#keep(bytes, start, end);
  }

  /** @throws ConnectionError when the block is a flood */
  append(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#pieces.length > this.#mostContinuations || (start === end && !isLast)) {
      throw new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        'continuation_flood',
        `more than ${this.#mostContinuations} CONTINUATION frames (limits.floods.continuations), or an empty one`,
      );
    }
    this.#keep(bytes, start, end);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > this.#maxBytes) {
      throw new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        'header_block_too_large',
        `a header block above ${this.#maxBytes} bytes, which limits.headerListSize allows`,
      );
    }
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
  }

  /** Ends the block and returns it in one piece. */
  finish(): Buffer {
    const block = Buffer.concat(this.#pieces, this.#bytes);
    this.#pieces = [];
    this.streamId = 0;
    return block;
  }
}
