// The encoder's dynamic table with what only an encoder needs: look-up by name and value, and when each entry was last used, so
// that an entry in use is not evicted for a new one.

import { DynamicTable, entrySizeBytes } from './dynamic-table.ts';
import type { HeaderList } from './header-list.ts';
import { STATIC_TABLE_LENGTH } from './static-table.ts';

interface Entry {
  readonly ordinal: number;
  /** The number of the last block that referred to the entry. */
  usedAt: number;
}

interface NamedEntries {
  /** The newest entry of a name is evicted last, so the name is present exactly as long as this entry. */
  newest: Entry;
  readonly byValue: Map<string, Entry>;
}

export class EncoderTable {
  /** For tests and diagnosis. Only this class may change the table. */
  readonly fields: DynamicTable;
  readonly #byName = new Map<string, NamedEntries>();

  constructor(maxSizeBytes: number) {
    this.fields = new DynamicTable(maxSizeBytes);
  }

  /** The HPACK index of the field, or 0 when it is not in the table. */
  indexOfField(name: string, value: string, blockNumber: number): number {
    const entry = this.#byName.get(name)?.byValue.get(value);
    return entry === undefined ? 0 : this.#use(entry, blockNumber);
  }

  /** The HPACK index of a field with that name, or 0 when there is none. */
  indexOfName(name: string, blockNumber: number): number {
    const entry = this.#byName.get(name)?.newest;
    return entry === undefined ? 0 : this.#use(entry, blockNumber);
  }

  /** Marks the list's entries as used by the block with this number, which was sent from the memo. */
  touch(list: HeaderList, blockNumber: number): void {
    for (let position = 0; position < list.length; position++) {
      const named = this.#byName.get(list.names[position]);
      if (named === undefined) continue;
      const entry = named.byValue.get(list.valueAt(position)) ?? named.newest;
      if (entry.usedAt < blockNumber) entry.usedAt = blockNumber;
    }
  }

  hasFreeSpace(sizeBytes: number): boolean {
    return this.fields.sizeBytes + sizeBytes <= this.fields.maxSizeBytes;
  }

  /** The number of the last block that used any of the entries that an entry of this size would evict. 0 when there is none. */
  lastUseOfEvicted(sizeBytes: number): number {
    const { fields } = this;
    let freeBytes = fields.maxSizeBytes - fields.sizeBytes;
    let lastUse = 0;
    for (let position = fields.length - 1; position >= 0 && freeBytes < sizeBytes; position--) {
      const name = fields.nameAt(position);
      const value = fields.valueAt(position);
      freeBytes += entrySizeBytes(name, value);
      lastUse = Math.max(lastUse, this.#byName.get(name)?.byValue.get(value)?.usedAt ?? 0);
    }
    return lastUse;
  }

  /** The caller makes sure that the field is not in the table yet and fits into it. */
  insert(name: string, value: string, blockNumber: number): void {
    this.#forgetDownTo(this.fields.maxSizeBytes - entrySizeBytes(name, value));
    const entry = { ordinal: this.fields.nextOrdinal, usedAt: blockNumber };
    this.fields.insert(name, value);
    const named = this.#byName.get(name);
    if (named === undefined) {
      this.#byName.set(name, { newest: entry, byValue: new Map([[value, entry]]) });
    } else {
      named.newest = entry;
      named.byValue.set(value, entry);
    }
  }

  setMaxSize(bytes: number): void {
    this.#forgetDownTo(bytes);
    this.fields.setMaxSize(bytes);
  }

  #use(entry: Entry, blockNumber: number): number {
    entry.usedAt = blockNumber;
    return STATIC_TABLE_LENGTH + this.fields.nextOrdinal - entry.ordinal;
  }

  /** Removes from the look-up what the table is about to evict. */
  #forgetDownTo(sizeBytes: number): void {
    const { fields } = this;
    let remaining = fields.sizeBytes;
    for (let position = fields.length - 1; position >= 0 && remaining > sizeBytes; position--) {
      const name = fields.nameAt(position);
      const value = fields.valueAt(position);
      remaining -= entrySizeBytes(name, value);
      const named = this.#byName.get(name);
      named?.byValue.delete(value);
      if (named?.byValue.size === 0) this.#byName.delete(name);
    }
  }
}
