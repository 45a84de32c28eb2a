// Metadata that differs in every call, as trace ids, user ids and tokens do.

import { type Fields, fieldOctets, plainField } from './header-blocks.ts';

const VALUE_OCTETS = 24;
/** The number of bytes at the end of each value that change. */
const CHANGING_OCTETS = 10;

export class Metadata {
  /** The number of bytes in names and values of the fields of one call. */
  readonly octets: number;
  readonly #block: Buffer;
  /** The offsets in the block where each value changes. */
  readonly #places: readonly number[];
  #call = 0;

  constructor(count: number) {
    const fields: Fields = Array.from({ length: count }, (_, index) => [
      `x-meta-${String(index).padStart(2, '0')}`,
      'v'.repeat(VALUE_OCTETS),
    ]);
    const encoded = fields.map(([name, value]) => plainField(name, value));
    let end = 0;
    this.#places = encoded.map((field) => {
      end += field.length;
      return end - CHANGING_OCTETS;
    });
    this.octets = fieldOctets(fields);
    this.#block = Buffer.concat(encoded);
  }

  /** @returns the encoded fields of the next call, to append to a header block; valid until next() is called again */
  next(): Buffer {
    const first = ++this.#call * this.#places.length;
    this.#places.forEach((place, index) => {
      this.#block.write(String(first + index).padStart(CHANGING_OCTETS, '0'), place, 'latin1');
    });
    return this.#block;
  }
}
