// The dynamic table of HPACK (RFC 7541 sections 2.3.2 and 4): a ring of fields, bounded in bytes. Decoder and encoder share this
// class, because both sides of a connection must hold equal tables.

/** What an entry counts in addition to its name and value (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD_BYTES = 32;

/** The slots of the first ring. The ring doubles as it fills, so that a small table takes little memory. */
const FIRST_SLOTS: readonly string[] = ['', '', '', '', '', '', '', ''];

export function entrySizeBytes(name: string, value: string): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

export class DynamicTable {
  // An entry is identified by its ordinal, the number of insertions before it. The ordinal stays the same while HPACK indices
  // shift.
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

  /** Increases whenever the table changes: by an insertion, an eviction or a new maximum size. */
  get generation(): number {
    return this.#generation;
  }

  /** The ordinal that the next entry will get. */
  get nextOrdinal(): number {
    return this.#inserted;
  }

  get oldestOrdinal(): number {
    return this.#inserted - this.#length;
  }

  /** The name at a position: 0 is the newest entry, which is HPACK index 62. The caller checks the position. */
  nameAt(position: number): string {
    return this.#names[(this.#inserted - 1 - position) & this.#mask];
  }

  valueAt(position: number): string {
    return this.#values[(this.#inserted - 1 - position) & this.#mask];
  }

  /** Evicts what must go, then inserts. An entry larger than the table only empties it (RFC 7541 section 4.4). */
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
    // slice and concat copy memory. Array.from, with one call per slot, took half a percent of the cost of a new connection.
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
