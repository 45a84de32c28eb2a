// An ordered list of header fields, as HPACK decodes and encodes it (RFC 9113 section 8.2, RFC 7541 section 1.3). Names and
// values are latin1 strings, one character for each byte, so that bytes pass through unchanged.
//
// Metadata that the proxy does not look at stays as it came: the list keeps the text of its block and the place of each value in
// it, and the encoder copies several fields at once from there. Such a value becomes a string of its own when it is read.

import { fieldEnd, fieldStart, type LiteralPlace, lengthOf, startOf } from './literal-place.ts';

export class HeaderList {
  readonly names: string[];
  /** The values. Each is a string, or its place in `#text`. */
  readonly #values: (string | LiteralPlace)[];
  /** The text of the block that holds the literals, or '' when there are none. */
  #text = '';
  /** How HTTP/1.1 spelt the names, for fields that came from there; see addSpelt. */
  #spellings: (string | undefined)[] | undefined = undefined;
  /** Allocated with the first never-indexed field, since few lists have one. */
  #neverIndexed: Set<number> | undefined = undefined;
  /** The size as SETTINGS_MAX_HEADER_LIST_SIZE counts it: name, value and 32 bytes per field (RFC 9113 section 6.5.2). */
  sizeBytes = 0;
  /**
   * The name of the field with which the list exceeded a limit while it was decoded. This field and those after it are missing,
   * so the list may only be refused.
   */
  overflowedAt: string | undefined = undefined;
  /**
   * What the layer above derived from this list (its route, its rewritten form). A connection that repeats a block gets the same
   * list object again, so what is kept here is computed once.
   */
  derived: unknown = undefined;
  /** Set by the first encoder that encodes this list. Encoded bytes are worth keeping only for a list that comes again. */
  wasEncoded = false;
  /**
   * Which rules of RFC 9113 section 8 the list was found to obey, so that a repeated list is not checked again. See
   * header-rules.ts.
   */
  obeys = 0;
  /** The value of content-length, or -1 when there is none. Set when the list is checked. */
  contentLength = -1;
  /** Whether there is no host field and at most one content-type. Set when the list is checked, which sees each name anyway. */
  hasOneHostAndType = false;
  /** The list that this one shares its first fields with. Set until this list is checked: shared fields need no second check. */
  model: HeaderList | undefined = undefined;
  /** How many fields are shared with `model`. */
  sharedLength = 0;
  /** Whether the check has changed a field, so that the list no longer says what its block says. */
  isAltered = false;

  constructor(model?: HeaderList, sharedLength = 0) {
    this.names = model === undefined ? [] : model.names.slice(0, sharedLength);
    this.#values = model === undefined ? [] : model.#values.slice(0, sharedLength);
    this.model = model;
    this.sharedLength = sharedLength;
  }

  /** Whether a list may take over the first fields of this one, where the blocks of both begin with the same bytes. */
  get isFitAsModel(): boolean {
    return !this.isAltered && this.overflowedAt === undefined && this.#neverIndexed === undefined;
  }

  get length(): number {
    return this.names.length;
  }

  /** All values, in a new array. Code on the hot path calls valueAt() for the few values it needs. */
  get values(): readonly string[] {
    return this.names.map((_name, index) => this.valueAt(index));
  }

  /** For each field, whether the sender used the never-indexed form, which must be kept on every hop (RFC 7541 section 7.1.3). */
  get neverIndexed(): readonly boolean[] {
    return this.names.map((_name, index) => this.isNeverIndexed(index));
  }

  add(name: string, value: string, neverIndexed = false): void {
    if (neverIndexed) (this.#neverIndexed ??= new Set()).add(this.names.length);
    this.names.push(name);
    this.#values.push(value);
    this.sizeBytes += name.length + value.length + 32;
  }

  /**
   * Adds a field of HTTP/1.1, where names are case-insensitive but some clients depend on the case.
   * @param spelling the original spelling of the name, or for `:status` the reason phrase
   */
  addSpelt(name: string, spelling: string, value: string): void {
    (this.#spellings ??= [])[this.names.length] = spelling;
    this.add(name, value);
  }

  /** Undefined for a field that did not come from HTTP/1.1. */
  spellingAt(index: number): string | undefined {
    return this.#spellings === undefined ? undefined : this.#spellings[index];
  }

  /**
   * Adds a valid field that stays in the text of its block; see HpackDecoder#readLiteral.
   * @param text must be the same for all literals of a list
   */
  addLiteral(name: string, text: string, place: LiteralPlace): void {
    this.#text = text;
    this.names.push(name);
    this.#values.push(place);
    this.sizeBytes += name.length + lengthOf(place) + 32;
  }

  /** Adds a field of another list. */
  addFrom(list: HeaderList, index: number): void {
    const value = list.#values[index];
    if (list.#spellings !== undefined) (this.#spellings ??= [])[this.names.length] = list.#spellings[index];
    if (typeof value === 'string') this.add(list.names[index], value, list.isNeverIndexed(index));
    else if (this.#text === '' || this.#text === list.#text)
      this.addLiteral(list.names[index], list.#text, value);
    else this.add(list.names[index], list.valueAt(index));
  }

  valueAt(index: number): string {
    const value = this.#values[index];
    if (typeof value === 'string') return value;
    const text = flat(this.#text.slice(startOf(value), fieldEnd(value)));
    this.#values[index] = text;
    return text;
  }

  /** The text in which the value lies, from `startAt` on, for `lengthAt` characters. For values that are read and not kept: it makes no string. */
  sourceAt(index: number): string {
    const value = this.#values[index];
    return typeof value === 'string' ? value : this.#text;
  }

  startAt(index: number): number {
    const value = this.#values[index];
    return typeof value === 'string' ? 0 : startOf(value);
  }

  lengthAt(index: number): number {
    const value = this.#values[index];
    return typeof value === 'string' ? value.length : lengthOf(value);
  }

  /** Only for header-rules.ts, which removes white space. */
  setValue(index: number, value: string): void {
    if (value !== this.valueAt(index)) this.isAltered = true;
    this.sizeBytes += value.length - this.valueAt(index).length;
    this.#values[index] = value;
  }

  /** Only for header-rules.ts, which merges repeated fields. */
  remove(index: number): void {
    this.isAltered = true;
    this.sizeBytes -= this.names[index].length + this.valueAt(index).length + 32;
    this.names.splice(index, 1);
    this.#values.splice(index, 1);
    this.#spellings?.splice(index, 1);
    if (this.#neverIndexed === undefined) return;
    const places = [...this.#neverIndexed].filter((place) => place !== index);
    this.#neverIndexed = new Set(places.map((place) => (place > index ? place - 1 : place)));
  }

  /** The share of one field in `sizeBytes`. */
  sizeAt(index: number): number {
    const value = this.#values[index];
    return this.names[index].length + (typeof value === 'string' ? value.length : lengthOf(value)) + 32;
  }

  isNeverIndexed(index: number): boolean {
    return this.#neverIndexed?.has(index) === true;
  }

  /** Whether the field's value is still in its block. Only valid fields are left there. */
  isLiteral(index: number): boolean {
    return typeof this.#values[index] === 'number';
  }

  /**
   * The end (exclusive) of the run of literals that starts at this index and is contiguous in the block. Equal to `index` when
   * the field is not a literal.
   */
  endOfLiterals(index: number): number {
    let end = index;
    for (let at = -1; end < this.names.length; end++) {
      const value = this.#values[end];
      if (typeof value === 'string') break;
      if (at !== -1 && fieldStart(this.names[end], value) !== at) break;
      at = fieldEnd(value);
    }
    return end;
  }

  /** A run of literals as HPACK, in the form it arrived in: without indexing, without Huffman coding, with a new name. */
  literals(index: number, end: number): string {
    const first = this.#values[index];
    const last = this.#values[end - 1];
    if (typeof first === 'string' || typeof last === 'string') return '';
    return this.#text.slice(fieldStart(this.names[index], first), fieldEnd(last));
  }

  /** The value of the first field with this name, or undefined. */
  get(name: string): string | undefined {
    const index = this.names.indexOf(name);
    return index === -1 ? undefined : this.valueAt(index);
  }

  static of(...fields: readonly (readonly [name: string, value: string])[]): HeaderList {
    const list = new HeaderList();
    for (const [name, value] of fields) list.add(name, value);
    return list;
  }
}

/**
 * Copies a slice. A slice keeps the string it was cut from alive, so that a value in the encoder's table would keep a whole
 * block. V8 copies slices below 13 characters by itself.
 */
function flat(slice: string): string {
  return slice.length < 13 ? slice : Buffer.from(slice, 'latin1').toString('latin1');
}
