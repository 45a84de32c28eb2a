// Metadata that differs in every call: trace ids, user ids, tokens and the like, thirty of them.

import { type Fields, fieldOctets, plainField } from './header-blocks.ts';

const VALUE_OCTETS = 24;
/** The end of each value, which changes. */
const CHANGING_OCTETS = 10;

export class Metadata {
  /** Octets of names and values of one call's fields. */
  readonly octets: number;
  readonly #block: Buffer;
  /** Where in the block each value changes. */
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

  /** As they go behind a header block; valid until the next call. */
  next(): Buffer {
    const first = ++this.#call * this.#places.length;
    this.#places.forEach((place, index) => {
      this.#block.write(String(first + index).padStart(CHANGING_OCTETS, '0'), place, 'latin1');
    });
    return this.#block;
  }
}
