// Random header lists that HTTP/2 allows: names and values of which many come again, so that they enter the dynamic tables and
// leave them, beside some that are long, odd or secret. The same seed gives the same lists.

import { HeaderList } from '../../../../src/h2/hpack/header-list.ts';

const COMMON_NAMES = [
  'accept',
  'accept-encoding',
  'authorization',
  'cache-control',
  'content-type',
  'cookie',
  'etag',
  'grpc-encoding',
  'grpc-message',
  'grpc-status-details-bin',
  'server',
  'set-cookie',
  'user-agent',
  'vary',
  'x-request-id',
  'x-tenant',
];
const COMMON_VALUES = [
  '',
  '0',
  '1',
  'gzip',
  'identity',
  'gzip, deflate, br',
  'a=b',
  'application/grpc',
  'trailers',
];
const NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~";
const MOST_FIELDS = 24;
const MOST_LONG_BYTES = 3000;
const NEVER_INDEXED_SHARE = 0.05;
/** Of lists that are an earlier list once more, as the same object: encoders and decoders keep such. */
const REPEATED_SHARE = 0.3;
const KEPT_LISTS = 32;

export class RandomLists {
  #state: number;
  readonly #kept: HeaderList[] = [];
  readonly #first: readonly (readonly [string, string])[];

  /** `first`: the fields every list starts with. */
  constructor(seed: number, first: readonly (readonly [string, string])[]) {
    this.#state = seed >>> 0;
    this.#first = first;
  }

  next(): HeaderList {
    if (this.#kept.length === KEPT_LISTS && this.fraction() < REPEATED_SHARE) return this.pick(this.#kept);
    const list = new HeaderList();
    for (const [name, value] of this.#first) list.add(name, value);
    const count = this.below(MOST_FIELDS);
    for (let index = 0; index < count; index++) {
      list.add(this.#name(), this.#value(), this.fraction() < NEVER_INDEXED_SHARE);
    }
    if (this.#kept.length < KEPT_LISTS) this.#kept.push(list);
    else this.#kept[this.below(KEPT_LISTS)] = list;
    return list;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** From 0 to 1: Marsaglia's xorshift with 32 bits. */
  fraction(): number {
    let state = this.#state || 1;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state / 0x1_0000_0000;
  }

  #name(): string {
    if (this.fraction() < 0.7) return this.pick(COMMON_NAMES);
    const length = 1 + this.below(this.fraction() < 0.05 ? 200 : 12);
    const characters = Array.from({ length }, () => NAME_CHARACTERS[this.below(NAME_CHARACTERS.length)]);
    return `x-${characters.join('')}`;
  }

  #value(): string {
    const kind = this.fraction();
    if (kind < 0.5) return this.pick(COMMON_VALUES);
    if (kind < 0.75) return `value-${this.below(40)}`;
    const length = this.below(kind < 0.98 ? 60 : MOST_LONG_BYTES);
    // Blanks at the ends are no part of a value (RFC 9113 section 8.2.1).
    return this.#bytes(length).replaceAll(/^[ \t]+|[ \t]+$/g, '');
  }

  /** All that a value may consist of: blank, tab, visible characters, and bytes from 0x80 on. */
  #bytes(length: number): string {
    const codes = Array.from({ length }, () => {
      const code = this.below(0x100);
      return code < 0x20 || code === 0x7f ? (code === 0x1f ? 0x09 : 0x20 + (code & 0x1f)) : code;
    });
    return String.fromCharCode(...codes);
  }
}
