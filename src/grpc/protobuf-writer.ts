// Writes the fields of a message of Protocol Buffers: as much of the wire format as the messages here need. As in proto3, a number or a
// text with its default value is left out.

import { LENGTH_DELIMITED, VARINT } from './protobuf-reader.ts';

const FIRST_BYTES = 64;
/** Of 64 bits. */
const MOST_VARINT_BYTES = 10;

export class ProtobufWriter {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A view of the message so far. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A field of an integer type, an enum or bool. @param value a whole number from 0 to 2^53 - 1 */
  number(field: number, value: number): this {
    if (value === 0) return this;
    this.#reserve(2 * MOST_VARINT_BYTES);
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  /** A field of type int64. @param value a whole number from -2^53 to 2^53 - 1 */
  signed(field: number, value: number): this {
    if (value >= 0) return this.number(field, value);
    this.#reserve(2 * MOST_VARINT_BYTES);
    this.#varint(field * 8 + VARINT);
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
    return this;
  }

  text(field: number, text: string): this {
    return text === '' ? this : this.blob(field, Buffer.from(text, 'utf8'));
  }

  /** A field that holds bytes or a message. It is written even if it is empty. */
  blob(field: number, bytes: Buffer): this {
    this.#reserve(2 * MOST_VARINT_BYTES + bytes.length);
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(bytes.length);
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Fields that were written before. */
  written(bytes: Buffer): this {
    this.#reserve(bytes.length);
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  message(field: number, message: ProtobufWriter): this {
    return this.blob(field, message.bytes);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
