// The few header fields that differ from call to call. They are written as HPACK literals that need no table and are
// sent behind the memoised block of everything else: header blocks concatenate.

import type { RequestIds } from '../calls/request-id.ts';
import { literalFieldPrefix, writeLiteralField } from '../h2/hpack/literal-field.ts';

/** A grpc-timeout has at most nine characters; x-request-id is of a fixed length. */
const ROOM_BYTES = 256;

export class CallFields {
  /** Valid until the next call of begin(). */
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(ROOM_BYTES);
  length = 0;
  readonly #requestIds: RequestIds;
  readonly #requestIdPrefix: Buffer;

  constructor(requestIds: RequestIds) {
    this.#requestIds = requestIds;
    this.#requestIdPrefix = literalFieldPrefix('x-request-id', requestIds.length);
  }

  begin(): void {
    this.length = 0;
  }

  addRequestId(number: number): void {
    this.bytes.set(this.#requestIdPrefix, this.length);
    this.length += this.#requestIdPrefix.length;
    this.#requestIds.write(number, this.bytes, this.length);
    this.length += this.#requestIds.length;
  }

  addTimeout(value: string): void {
    this.length = writeLiteralField(this.bytes, this.length, 'grpc-timeout', value);
  }
}
