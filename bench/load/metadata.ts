// Metadata that differs in every call: thirty fields (user ids, tokens and the like), or only traceparent, which every call of a traced
// fleet has (W3C Trace Context, section "traceparent header").

import { type Fields, fieldBytes, plainField } from './header-blocks.ts';
import type { ChangingFields } from './job.ts';

const VALUE_BYTES = 24;
/** The number of bytes at the end of each value that change. */
const CHANGING_BYTES = 10;

const FIELDS: Readonly<Record<ChangingFields, Fields>> = {
  none: [],
  thirty: Array.from({ length: 30 }, (_, index) => [
    `x-meta-${String(index).padStart(2, '0')}`,
    'v'.repeat(VALUE_BYTES),
  ]),
  traceparent: [['traceparent', `00-${'4b'.repeat(16)}-${'7'.repeat(16)}`]],
};

export class Metadata {
  /** The number of bytes in names and values of the fields of one call. */
  readonly bytes: number;
  readonly #block: Buffer;
  /** The offsets in the block where each value changes. */
  readonly #places: readonly number[];
  #call = 0;

  constructor(changing: ChangingFields) {
    const fields = FIELDS[changing];
    const encoded = fields.map(([name, value]) => plainField(name, value));
    let end = 0;
    this.#places = encoded.map((field) => {
      end += field.length;
      return end - CHANGING_BYTES;
    });
    this.bytes = fieldBytes(fields);
    this.#block = Buffer.concat(encoded);
  }

  /** @returns the encoded fields of the next call, to append to a header block; valid until next() is called again */
  next(): Buffer {
    const first = ++this.#call * this.#places.length;
    this.#places.forEach((place, index) => {
      this.#block.write(String(first + index).padStart(CHANGING_BYTES, '0'), place, 'latin1');
    });
    return this.#block;
  }
}
