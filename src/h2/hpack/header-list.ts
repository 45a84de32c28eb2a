// An ordered list of header fields as HPACK decodes and encodes them (RFC 9113 section 8.2, RFC 7541 section 1.3).
// Names and values are latin1 strings: one character is one octet, so that bytes pass through unchanged.

export class HeaderList {
  readonly names: string[] = [];
  readonly values: string[] = [];
  /** True where the sender used the never-indexed form; it must stay so on every hop (RFC 7541 section 7.1.3). */
  readonly neverIndexed: boolean[] = [];
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

  add(name: string, value: string, neverIndexed = false): void {
    this.names.push(name);
    this.values.push(value);
    this.neverIndexed.push(neverIndexed);
    this.sizeBytes += name.length + value.length + 32;
  }

  /** The value of the first field of this name, or undefined. */
  get(name: string): string | undefined {
    const index = this.names.indexOf(name);
    return index === -1 ? undefined : this.values[index];
  }

  static of(...fields: readonly (readonly [name: string, value: string])[]): HeaderList {
    const list = new HeaderList();
    for (const [name, value] of fields) list.add(name, value);
    return list;
  }
}
