// An ordered list of header fields as HPACK decodes and encodes them (RFC 9113 section 8.2, RFC 7541 section 1.3).
// Names and values are latin1 strings: one character is one octet, so that bytes pass through unchanged.
//
// Metadata that nobody here looks at stay as they came: the list keeps the text of their block and where in it each is, and
// the encoder copies them from there, several at once. A value becomes a string of its own when somebody asks for it.

import { fieldEnd, fieldStart, type LiteralPlace, lengthOf, startOf } from './literal-place.ts';

export class HeaderList {
  readonly names: string[] = [];
  /** The string, or where it is in `#text`. */
  readonly #values: (string | LiteralPlace)[] = [];
  /** The block that literals were left in; '' while there are none. */
  #text = '';
  /** How names were spelt in HTTP/1.1, where they came from there; see addSpelt. */
  #spellings: (string | undefined)[] | undefined = undefined;
  /** Made with the first: few lists have any. */
  #neverIndexed: Set<number> | undefined = undefined;
  /** Size as SETTINGS_MAX_HEADER_LIST_SIZE counts it: name + value + 32 octets per field (RFC 9113 section 6.5.2). */
  sizeBytes = 0;
  /**
   * Set when the list exceeded a limit while it was decoded: the name of the field that broke it. The fields from
   * there on are missing; the list may only be refused.
   */
  overflowedAt: string | undefined = undefined;
  /**
   * What the layer above derived from this list (its route, its rewritten form). A connection that repeats a block
   * gets the same list object again, so what is kept here is computed once.
   */
  derived: unknown = undefined;
  /** Set by the first encoder that meets this list: only for a list that comes again its octets are worth keeping. */
  wasEncoded = false;
  /** Which rules of RFC 9113 section 8 the list was found to obey; repeated lists need no second look. See header-rules.ts. */
  obeys = 0;
  /** The value of content-length, or -1 when there is none; known once the rules were checked. */
  contentLength = -1;

  get length(): number {
    return this.names.length;
  }

  /** All values. On the way of a call valueAt() is asked for the few that matter. */
  get values(): readonly string[] {
    return this.names.map((_name, index) => this.valueAt(index));
  }

  /** True where the sender used the never-indexed form; it must stay so on every hop (RFC 7541 section 7.1.3). */
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
   * Adds a field of HTTP/1.1, for which the case of names means nothing, and to some of its clients everything.
   * @param spelling of the name; of `:status` the reason phrase
   */
  addSpelt(name: string, spelling: string, value: string): void {
    (this.#spellings ??= [])[this.names.length] = spelling;
    this.add(name, value);
  }

  /** Undefined for what did not come from HTTP/1.1. */
  spellingAt(index: number): string | undefined {
    return this.#spellings === undefined ? undefined : this.#spellings[index];
  }

  /**
   * Adds a field that was found in order (see readLiteral) and stays in the text of its block.
   * @param text the same for all literals of a list
   */
  addLiteral(name: string, text: string, place: LiteralPlace): void {
    this.#text = text;
    this.names.push(name);
    this.#values.push(place);
    this.sizeBytes += name.length + lengthOf(place) + 32;
  }

  /** Adds the field of another list. */
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

  /** For the rules, which take white space off. */
  setValue(index: number, value: string): void {
    this.sizeBytes += value.length - this.valueAt(index).length;
    this.#values[index] = value;
  }

  /** For the rules, which make one of what is repeated. */
  remove(index: number): void {
    this.sizeBytes -= this.names[index].length + this.valueAt(index).length + 32;
    this.names.splice(index, 1);
    this.#values.splice(index, 1);
    this.#spellings?.splice(index, 1);
    if (this.#neverIndexed === undefined) return;
    const places = [...this.#neverIndexed].filter((place) => place !== index);
    this.#neverIndexed = new Set(places.map((place) => (place > index ? place - 1 : place)));
  }

  isNeverIndexed(index: number): boolean {
    return this.#neverIndexed?.has(index) === true;
  }

  /** Whether the field's value was left in its block, which only those are that obey the rules of fields. */
  isLiteral(index: number): boolean {
    return typeof this.#values[index] === 'number';
  }

  /** Behind the last of the literals that follow each other in the block from this field on; `index` where it is none. */
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

  /** Those literals as HPACK, in the form they came in: without indexing, without Huffman coding, with a new name. */
  literals(index: number, end: number): string {
    const first = this.#values[index];
    const last = this.#values[end - 1];
    if (typeof first === 'string' || typeof last === 'string') return '';
    return this.#text.slice(fieldStart(this.names[index], first), fieldEnd(last));
  }

  /** The value of the first field of this name, or undefined. */
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

/** A slice keeps the text it is of: a value in the encoder's table would keep a whole block. The engine copies short ones. */
function flat(slice: string): string {
  return slice.length < 13 ? slice : Buffer.from(slice, 'latin1').toString('latin1');
}
