// The HPACK encoder of one connection (RFC 7541 section 6). It serves many clients at once: a field enters the dynamic
// table at its second sight and drives out nothing in use, so that the table settles and encoded blocks can be kept.

import { type DynamicTable, entrySizeBytes } from './dynamic-table.ts';
import { EncoderTable } from './encoder-table.ts';
import type { HeaderList } from './header-list.ts';
import { INDEX, indexingRule, NEVER_INDEX } from './indexing-rule.ts';
import { writeInteger } from './integer.ts';
import { SeenFields } from './seen-fields.ts';
import { STATIC_BY_NAME } from './static-table.ts';
import { writePlainString, writeString } from './string-literal.ts';

/** Whatever the peer allows, more would cost memory per connection and save little (h2 and nghttp2 cap it too). */
const MAX_TABLE_SIZE_BYTES = 4_096;

/** An entry used within this many blocks stays. Long, because each change of the table empties the memo. */
const RECENT_BLOCKS = 1_024;

const MAX_MEMO_ENTRIES = 1_024;
const MAX_MEMO_BYTES = 262_144;
/**
 * So many blocks are kept before anybody asks which of them are still in use. Responses with a `date` are alike for a
 * second and never again: kept until there were 1,024, they were 1.5 MB for each connection of a client.
 */
const FEW_MEMO_ENTRIES = 32;

/** A field takes at most its strings, which are Huffman coded only where that is shorter, and three integers. */
const MAX_FIELD_OVERHEAD = 18;

export interface EncodedBlock {
  readonly bytes: Buffer;
  /** Octets of `bytes` that are the block, from 0. */
  readonly length: number;
}

interface MemoisedBlock extends EncodedBlock {
  /** Number of the last block this was sent as. */
  usedAt: number;
}

/** Shared by all encoders: a result is valid until the next call of any of them. */
const scratch = { bytes: Buffer.allocUnsafeSlow(16_384), length: 0 };

export class HpackEncoder {
  readonly #maxTableSizeBytes: number;
  readonly #table: EncoderTable;
  /** The least size since the last block, undefined when no size update is due. */
  #smallestSizeBytes: number | undefined = undefined;
  #blockNumber = 0;
  /** No entry can be evicted before this block, as far as was seen at the last attempt. */
  #noRoomBefore = 0;
  /** A field of this block may be inserted when it comes again: the octets are not final. */
  #isProvisional = false;
  #seen: SeenFields | undefined = undefined;
  #memo: Map<HeaderList, MemoisedBlock> | undefined = undefined;
  #memoBytes = 0;
  /** At so many entries those that are not in use any more are dropped. */
  #sweepAtEntries = FEW_MEMO_ENTRIES;

  constructor(options: { readonly maxTableSizeBytes?: number } = {}) {
    this.#maxTableSizeBytes = Math.min(
      options.maxTableSizeBytes ?? MAX_TABLE_SIZE_BYTES,
      MAX_TABLE_SIZE_BYTES,
    );
    // The peer's decoder starts with 4096 (RFC 9113 section 6.5.2); a smaller table has to be signalled.
    this.#table = new EncoderTable(MAX_TABLE_SIZE_BYTES);
    this.setPeerMaxTableSize(this.#maxTableSizeBytes);
  }

  /** Grows whenever the dynamic table changes. */
  get generation(): number {
    return this.#table.fields.generation;
  }

  /** For tests and diagnosis. */
  get table(): DynamicTable {
    return this.#table.fields;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; the next block starts with the size updates this takes. */
  setPeerMaxTableSize(bytes: number): void {
    const sizeBytes = Math.min(bytes, this.#maxTableSizeBytes);
    if (sizeBytes === this.table.maxSizeBytes) return;
    this.#smallestSizeBytes = Math.min(sizeBytes, this.#smallestSizeBytes ?? sizeBytes);
    this.#table.setMaxSize(sizeBytes);
    this.#noRoomBefore = 0;
    this.#clearMemo();
  }

  /**
   * Encodes the list. The result is valid until the next call on any encoder. A list that was encoded must not be
   * altered: its octets are kept and given again.
   */
  encode(list: HeaderList): EncodedBlock {
    const blockNumber = ++this.#blockNumber;
    const known = this.#memo?.get(list);
    if (known !== undefined) {
      known.usedAt = blockNumber;
      return known;
    }
    const { generation } = this.table;
    const hasSizeUpdate = this.#smallestSizeBytes !== undefined;
    let offset = hasSizeUpdate ? this.#writeSizeUpdates(scratch.bytes) : 0;
    this.#isProvisional = false;
    for (let position = 0; position < list.length; position++) {
      // What comes once is copied as it is where it can be; when the list comes again it is worth more care.
      const end = list.wasEncoded ? position : list.endOfLiterals(position);
      if (end > position) {
        offset = writeText(offset, list.literals(position, end));
        position = end;
        if (position === list.length) break;
      }
      offset = this.#writeField(offset, list, position);
    }
    scratch.length = offset;
    if (generation === this.table.generation && !hasSizeUpdate && !this.#isProvisional) this.#remember(list);
    return scratch;
  }

  /** The smallest size first, then the final one (RFC 7541 section 4.2). */
  #writeSizeUpdates(target: Buffer): number {
    const finalBytes = this.table.maxSizeBytes;
    const smallestBytes = this.#smallestSizeBytes ?? finalBytes;
    this.#smallestSizeBytes = undefined;
    const offset = smallestBytes < finalBytes ? writeInteger(target, 0, 0x20, 0x1f, smallestBytes) : 0;
    return writeInteger(target, offset, 0x20, 0x1f, finalBytes);
  }

  #writeField(offset: number, list: HeaderList, position: number): number {
    const name = list.names[position];
    const value = list.valueAt(position);
    const target = scratchFor(offset, name.length + value.length + MAX_FIELD_OVERHEAD);
    const inStatic = STATIC_BY_NAME.get(name);
    const isNeverIndexed = list.isNeverIndexed(position);
    if (!isNeverIndexed) {
      const index =
        inStatic?.indexByValue.get(value) ?? this.#table.indexOfField(name, value, this.#blockNumber);
      if (index !== 0) return writeInteger(target, offset, 0x80, 0x7f, index);
    }
    // Before the insertion, which shifts the indices.
    const nameIndex = inStatic?.index ?? this.#table.indexOfName(name, this.#blockNumber);
    const rule = isNeverIndexed ? NEVER_INDEX : indexingRule(name, value);
    if (rule === NEVER_INDEX) {
      offset = writeInteger(target, offset, 0x10, 0x0f, nameIndex);
    } else if (rule === INDEX && this.#insert(name, value)) {
      offset = writeInteger(target, offset, 0x40, 0x3f, nameIndex);
    } else {
      offset = writeInteger(target, offset, 0x00, 0x0f, nameIndex);
      // A list that comes once is not Huffman coded: that takes more CPU time than all else that is done with its fields, for
      // a quarter of their octets. When it comes again its octets are kept.
      if (!list.wasEncoded) {
        if (nameIndex === 0) offset = writePlainString(target, offset, name);
        return writePlainString(target, offset, value);
      }
    }
    if (nameIndex === 0) offset = writeString(target, offset, name);
    return writeString(target, offset, value);
  }

  /** Inserts the field if it came before, is not too large, and drives out nothing in use. */
  #insert(name: string, value: string): boolean {
    const sizeBytes = entrySizeBytes(name, value);
    // One field may take a quarter of the table: above that it costs several others their place.
    if (sizeBytes * 4 > this.table.maxSizeBytes) return false;
    const isFree = this.#table.hasFreeSpace(sizeBytes);
    if (!isFree && this.#blockNumber < this.#noRoomBefore) return false;
    this.#seen ??= new SeenFields();
    if (!this.#seen.see(name, value)) {
      this.#isProvisional = true;
      return false;
    }
    if (!isFree && !this.#canEvict(sizeBytes)) return false;
    this.#table.insert(name, value, this.#blockNumber);
    this.#clearMemo();
    return true;
  }

  #canEvict(sizeBytes: number): boolean {
    // Blocks from the memo did not go through the table: what they refer to is marked only now, when it matters.
    const recent = this.#blockNumber - RECENT_BLOCKS;
    for (const [list, block] of this.#memo ?? []) {
      if (block.usedAt > recent) this.#table.touch(list, block.usedAt);
    }
    const lastUse = this.#table.lastUseOfEvicted(sizeBytes);
    if (lastUse <= recent) return true;
    this.#noRoomBefore = lastUse + RECENT_BLOCKS;
    return false;
  }

  /** Keeps the block in scratch, but only for a list that comes a second time: most that do come again and again. */
  #remember(list: HeaderList): void {
    if (!list.wasEncoded) {
      list.wasEncoded = true;
      return;
    }
    this.#memo ??= new Map();
    if (this.#memo.size >= this.#sweepAtEntries || this.#memoBytes + scratch.length > MAX_MEMO_BYTES) {
      this.#makeRoom(this.#memo);
    }
    // Not from Buffer's pool: one block of an idle connection would keep a whole pool slab alive.
    const bytes = Buffer.allocUnsafeSlow(scratch.length);
    scratch.bytes.copy(bytes, 0, 0, scratch.length);
    this.#memo.set(list, { bytes, length: bytes.length, usedAt: this.#blockNumber });
    this.#memoBytes += bytes.length;
  }

  /**
   * Drops what was not among the last blocks, as many as are kept: more lists than that cannot be in use. A block is
   * kept at its second sight, so that lists which came twice make up half of it at most, and the room does not grow.
   */
  #makeRoom(memo: Map<HeaderList, MemoisedBlock>): void {
    const recent = this.#blockNumber - memo.size;
    for (const [list, { usedAt, length }] of memo) {
      if (usedAt > recent) continue;
      memo.delete(list);
      this.#memoBytes -= length;
    }
    if (memo.size >= MAX_MEMO_ENTRIES || this.#memoBytes + scratch.length > MAX_MEMO_BYTES) this.#clearMemo();
    this.#sweepAtEntries = Math.min(MAX_MEMO_ENTRIES, Math.max(FEW_MEMO_ENTRIES, 2 * memo.size));
  }

  /** Gives back what is kept to save encoding; costs the next blocks a little time. */
  forget(): void {
    this.#clearMemo();
  }

  #clearMemo(): void {
    this.#memo?.clear();
    this.#memoBytes = 0;
  }
}

function writeText(offset: number, text: string): number {
  return offset + scratchFor(offset, text.length).write(text, offset, text.length, 'latin1');
}

/** Room for so many octets more behind `offset`; what was written so far stays. */
function scratchFor(offset: number, bytes: number): Buffer {
  const needed = offset + bytes;
  if (needed > scratch.bytes.length) {
    const larger = Buffer.allocUnsafeSlow(needed * 2);
    scratch.bytes.copy(larger, 0, 0, offset);
    scratch.bytes = larger;
  }
  return scratch.bytes;
}
