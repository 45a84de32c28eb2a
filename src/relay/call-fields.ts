// The few header fields that differ from call to call. They are written as HPACK literals that do not refer to the dynamic table, so
// they can be appended to the memoised block of the other fields.

import type { CallTrace } from '../calls/call-trace.ts';
import type { RequestIds } from '../calls/request-id.ts';
import { viewOf } from '../calls/trace-ids.ts';
import { TRACEPARENT } from '../calls/trace-parent.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { isNeverIndexed } from '../h2/hpack/indexing-rule.ts';
import { literalFieldPrefix, writeLiteralField } from '../h2/hpack/literal-field.ts';

/** The initial size of the buffer. It always has room for grpc-timeout and grpc-previous-rpc-attempts (at most nine characters), x-request-id and traceparent (of fixed length). */
const ROOM_BYTES = 256;
/** An upper bound for the bytes of a literal other than its name and value: the first byte and two lengths (RFC 7541 section 5.1). */
const AROUND_BYTES = 16;

const DASH = 0x2d;
const DIGIT_0 = 0x30;
/** The field and the version of its format, 00. */
const TRACEPARENT_START = Buffer.concat([literalFieldPrefix(TRACEPARENT, 55), Buffer.from('00-', 'latin1')]);

export class CallFields {
  /** Valid until the next call of begin(). */
  bytes: Buffer = Buffer.allocUnsafeSlow(ROOM_BYTES);
  /** Of `bytes`. */
  #view = viewOf(this.bytes);
  length = 0;
  readonly #requestIds: RequestIds;
  readonly #requestIdPrefix: Buffer;
  /** The grpc-timeout of the last call, and its field once a second call has the same. The calls of a route with a deadline share it. */
  #timeout = '';
  #timeoutField: Buffer | undefined = undefined;

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
    const isSame = value === this.#timeout;
    if (isSame && this.#timeoutField !== undefined) {
      this.bytes.set(this.#timeoutField, this.length);
      this.length += this.#timeoutField.length;
      return;
    }
    const start = this.length;
    this.length = writeLiteralField(this.bytes, start, 'grpc-timeout', value);
    this.#timeout = value;
    this.#timeoutField = isSame ? Buffer.from(this.bytes.subarray(start, this.length)) : undefined;
  }

  addPreviousAttempts(count: number): void {
    this.length = writeLiteralField(this.bytes, this.length, 'grpc-previous-rpc-attempts', String(count));
  }

  addTraceParent(trace: CallTrace): void {
    const { bytes, length } = this;
    // For so few bytes a loop is faster than set().
    for (let index = 0; index < TRACEPARENT_START.length; index++)
      bytes[length + index] = TRACEPARENT_START[index];
    let at = trace.writeTraceId(this.#view, length + TRACEPARENT_START.length);
    bytes[at] = DASH;
    at = trace.writeLatestSpanId(this.#view, at + 1);
    bytes[at] = DASH;
    bytes[at + 1] = DIGIT_0;
    bytes[at + 2] = DIGIT_0 + trace.flags;
    this.length = at + 3;
  }

  /** Call this, addAll() and addText() last, as the others rely on the initial room of the buffer. */
  add(name: string, value: string): void {
    this.#add(name, value);
  }

  /** Call this, add() and addText() last: the others rely on the initial room of the buffer. */
  addAll(list: HeaderList): void {
    for (let index = 0; index < list.length; index++) this.#add(list.names[index], list.valueAt(index));
  }

  /** Adds fields that are encoded already. @param text HPACK literals, one character for each byte */
  addText(text: string): void {
    this.#makeRoom(text.length);
    this.length += this.bytes.write(text, this.length, text.length, 'latin1');
  }

  #add(name: string, value: string): void {
    this.#makeRoom(name.length + value.length + AROUND_BYTES);
    this.length = writeLiteralField(this.bytes, this.length, name, value, isNeverIndexed(name, value));
  }

  #makeRoom(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.length + size));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
    this.#view = viewOf(larger);
  }
}
