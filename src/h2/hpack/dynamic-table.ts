// The dynamic table of HPACK (RFC 7541 section 2.3.2 and 4): a ring of fields, newest first, bounded in octets.
// Decoder and encoder use the same one, because both sides of a connection must hold equal tables.

/** What an entry counts beside its name and value (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD_BYTES = 32;

/** The first ring; it doubles up to what the octet limit allows, so that an idle table holds nothing. */
const FIRST_SLOTS: readonly string[] = ['', '', '', '', '', '', '', ''];

export function entrySizeBytes(name: string, value: string): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

export class DynamicTable {
  // An entry is known by its ordinal, the number of insertions before it: it never changes while indices shift.
  #names: string[] = [];
  #values: string[] = [];
  #mask = -1;
  #inserted = 0;
  #length = 0;
  #sizeBytes = 0;
  #maxSizeBytes: number;
  #generation = 0;

  constructor(maxSizeBytes: number) {
    this.#maxSizeBytes = maxSizeBytes;
  }

  get length(): number {
    return this.#length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get maxSizeBytes(): number {
    return this.#maxSizeBytes;
  }

  /** Grows whenever the table changes: insertion, eviction, another maximum size. */
  get generation(): number {
    return this.#generation;
  }

  /** Ordinal the next entry will get. */
  get nextOrdinal(): number {
    return this.#inserted;
  }

  get oldestOrdinal(): number {
    return this.#inserted - this.#length;
  }

  /** Name by position: 0 is the newest entry, HPACK index 62. The caller checks the position. */
  nameAt(position: number): string {
    return this.#names[(this.#inserted - 1 - position) & this.#mask];
  }

  valueAt(position: number): string {
    return this.#values[(this.#inserted - 1 - position) & this.#mask];
  }

  /** Evicts what must go and inserts; an entry larger than the table only empties it (RFC 7541 section 4.4). */
  insert(name: string, value: string): void {
    const sizeBytes = entrySizeBytes(name, value);
    this.#evictDownTo(this.#maxSizeBytes - sizeBytes);
    if (sizeBytes > this.#maxSizeBytes) return;
    if (this.#length > this.#mask) this.#grow();
    const slot = this.#inserted & this.#mask;
    this.#names[slot] = name;
    this.#values[slot] = value;
    this.#inserted++;
    this.#length++;
    this.#sizeBytes += sizeBytes;
    this.#generation++;
  }

  setMaxSize(maxSizeBytes: number): void {
    if (maxSizeBytes === this.#maxSizeBytes) return;
    this.#maxSizeBytes = maxSizeBytes;
    this.#generation++;
    this.#evictDownTo(maxSizeBytes);
  }

  /** All entries, newest first. For tests and diagnosis. */
  entries(): [name: string, value: string][] {
    return Array.from({ length: this.#length }, (_, position) => [
      this.nameAt(position),
      this.valueAt(position),
    ]);
  }

  #evictDownTo(sizeBytes: number): void {
    while (this.#length > 0 && this.#sizeBytes > sizeBytes) {
      const slot = (this.#inserted - this.#length) & this.#mask;
      this.#sizeBytes -= entrySizeBytes(this.#names[slot], this.#values[slot]);
      this.#names[slot] = '';
      this.#values[slot] = '';
      this.#length--;
      this.#generation++;
    }
  }

  #grow(): void {
    const oldMask = this.#mask;
    // By slice and concat, which are copies of memory: Array.from, one call for each slot, took half a percent of a new connection.
    const names = oldMask < 0 ? FIRST_SLOTS.slice() : this.#names.concat(this.#names).fill('');
    const values = oldMask < 0 ? FIRST_SLOTS.slice() : names.slice();
    const capacity = names.length;
    for (let ordinal = this.oldestOrdinal; ordinal < this.#inserted; ordinal++) {
      names[ordinal & (capacity - 1)] = this.#names[ordinal & oldMask];
      values[ordinal & (capacity - 1)] = this.#values[ordinal & oldMask];
    }
    this.#names = names;
    this.#values = values;
    this.#mask = capacity - 1;
  }
}
