// The HPACK encoder of one connection (RFC 7541 section 6). The connection may carry the calls of many clients. A field enters
// the dynamic table when it is seen for the second time, and evicts no entry in use, so that the table settles and encoded blocks
// can be kept.

import { type DynamicTable, entrySizeBytes } from './dynamic-table.ts';
import { EncoderTable } from './encoder-table.ts';
import type { HeaderList } from './header-list.ts';
import { INDEX, indexingRule, NEVER_INDEX } from './indexing-rule.ts';
import { writeInteger } from './integer.ts';
import { SeenFields } from './seen-fields.ts';
import { STATIC_BY_NAME } from './static-table.ts';
import { writePlainString, writeString } from './string-literal.ts';

/**
 * The largest table we use, whatever the peer allows: more would cost memory per connection and save little (h2 and nghttp2 cap
 * it too).
 */
const MAX_TABLE_SIZE_BYTES = 4_096;

/** An entry used within this many blocks is not evicted. The number is high because each change of the table empties the memo. */
const RECENT_BLOCKS = 1_024;

const MAX_MEMO_ENTRIES = 1_024;
const MAX_MEMO_BYTES = 262_144;
/**
 * When this many blocks are kept, unused ones are dropped for the first time. Responses with a `date` are equal for a second and
 * never again: when they were kept until there were 1,024, they took 1.5 MB for each connection of a client.
 */
const FEW_MEMO_ENTRIES = 32;

/** The overhead of a field in addition to its strings: at most three integers. Strings are Huffman coded only where that is shorter. */
const MAX_FIELD_OVERHEAD = 18;

export interface EncodedBlock {
  readonly bytes: Buffer;
  /** The block is the first `length` bytes of `bytes`. */
  readonly length: number;
}

interface MemoisedBlock extends EncodedBlock {
  /** The number of the last block for which these bytes were sent. */
  usedAt: number;
}

/** Shared by all encoders: a result is valid until the next call of any encoder. */
const scratch = { bytes: Buffer.allocUnsafeSlow(16_384), length: 0 };

export class HpackEncoder {
  readonly #maxTableSizeBytes: number;
  readonly #table: EncoderTable;
  /** The smallest table size set since the last block. Undefined when no size update is due. */
  #smallestSizeBytes: number | undefined = undefined;
  #blockNumber = 0;
  /** No entry can be evicted before the block with this number, as of the last attempt. */
  #noRoomBefore = 0;
  /** A field of this block may be inserted when it comes again, so the bytes are not final. */
  #isProvisional = false;
  #seen: SeenFields | undefined = undefined;
  #memo: Map<HeaderList, MemoisedBlock> | undefined = undefined;
  #memoBytes = 0;
  /** The number of entries at which unused ones are dropped. */
  #sweepAtEntries = FEW_MEMO_ENTRIES;

  constructor(options: { readonly maxTableSizeBytes?: number } = {}) {
    this.#maxTableSizeBytes = Math.min(
      options.maxTableSizeBytes ?? MAX_TABLE_SIZE_BYTES,
      MAX_TABLE_SIZE_BYTES,
    );
    // The peer's decoder starts with 4096 (RFC 9113 section 6.5.2). A smaller table must be signalled.
    this.#table = new EncoderTable(MAX_TABLE_SIZE_BYTES);
    this.setPeerMaxTableSize(this.#maxTableSizeBytes);
  }

  /** Increases whenever the dynamic table changes. */
  get generation(): number {
    return this.#table.fields.generation;
  }

  /** For tests and diagnosis. */
  get table(): DynamicTable {
    return this.#table.fields;
  }

  /** Applies the peer's SETTINGS_HEADER_TABLE_SIZE. The next block starts with the necessary size updates. */
  setPeerMaxTableSize(bytes: number): void {
    const sizeBytes = Math.min(bytes, this.#maxTableSizeBytes);
    if (sizeBytes === this.table.maxSizeBytes) return;
    this.#smallestSizeBytes = Math.min(sizeBytes, this.#smallestSizeBytes ?? sizeBytes);
    this.#table.setMaxSize(sizeBytes);
    this.#noRoomBefore = 0;
    this.#clearMemo();
  }

  /**
   * Encodes the list. The result is valid until the next call of any encoder. An encoded list must not be changed afterwards: its
   * bytes are kept and returned again.
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
      // In a list seen for the first time, literals are copied as they are. A list that comes again is worth encoding with more
      // care.
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

  /** Writes the smallest size, then the final one (RFC 7541 section 4.2). */
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
    // Found before the insertion, which shifts the indices.
    const nameIndex = inStatic?.index ?? this.#table.indexOfName(name, this.#blockNumber);
    const rule = isNeverIndexed ? NEVER_INDEX : indexingRule(name, value);
    if (rule === NEVER_INDEX) {
      offset = writeInteger(target, offset, 0x10, 0x0f, nameIndex);
    } else if (rule === INDEX && this.#insert(name, value)) {
      offset = writeInteger(target, offset, 0x40, 0x3f, nameIndex);
    } else {
      offset = writeInteger(target, offset, 0x00, 0x0f, nameIndex);
      // A list seen for the first time is not Huffman coded: that takes more CPU time than everything else done with its fields,
      // to save a quarter of their bytes. When the list comes again, its encoded bytes are kept.
      if (!list.wasEncoded) {
        if (nameIndex === 0) offset = writePlainString(target, offset, name);
        return writePlainString(target, offset, value);
      }
    }
    if (nameIndex === 0) offset = writeString(target, offset, name);
    return writeString(target, offset, value);
  }

  /** Inserts the field if it was seen before, is not too large, and evicts no entry in use. */
  #insert(name: string, value: string): boolean {
    const sizeBytes = entrySizeBytes(name, value);
    // One field may take a quarter of the table. A larger one would displace too many others.
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
    // Blocks sent from the memo did not mark the entries they refer to. The entries are marked only now, when it matters.
    const recent = this.#blockNumber - RECENT_BLOCKS;
    for (const [list, block] of this.#memo ?? []) {
      if (block.usedAt > recent) this.#table.touch(list, block.usedAt);
    }
    const lastUse = this.#table.lastUseOfEvicted(sizeBytes);
    if (lastUse <= recent) return true;
    this.#noRoomBefore = lastUse + RECENT_BLOCKS;
    return false;
  }

  /** Keeps the block in scratch, but only when its list comes a second time: most such lists come again and again. */
  #remember(list: HeaderList): void {
    if (!list.wasEncoded) {
      list.wasEncoded = true;
      return;
    }
    this.#memo ??= new Map();
    if (this.#memo.size >= this.#sweepAtEntries || this.#memoBytes + scratch.length > MAX_MEMO_BYTES) {
      this.#makeRoom(this.#memo);
    }
    // Not allocated from Buffer's pool: one block of an idle connection would keep a whole pool slab alive.
    const bytes = Buffer.allocUnsafeSlow(scratch.length);
    scratch.bytes.copy(bytes, 0, 0, scratch.length);
    this.#memo.set(list, { bytes, length: bytes.length, usedAt: this.#blockNumber });
    this.#memoBytes += bytes.length;
  }

  /**
   * Drops every block that is not among the last n that were sent, where n is the number of blocks kept: no more lists than that
   * can be in use. A block is kept when its list comes for the second time, so lists that came only twice are at most half of
   * those n, and the memo does not grow.
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

  /** Drops the memoised blocks to free memory. The next blocks take a little longer. */
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

/** Makes room for `bytes` more bytes behind `offset`. What was written before stays. */
function scratchFor(offset: number, bytes: number): Buffer {
  const needed = offset + bytes;
  if (needed > scratch.bytes.length) {
    const larger = Buffer.allocUnsafeSlow(needed * 2);
    scratch.bytes.copy(larger, 0, 0, offset);
    scratch.bytes = larger;
  }
  return scratch.bytes;
}
