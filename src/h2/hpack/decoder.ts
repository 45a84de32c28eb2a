// The HPACK decoder of one connection (RFC 7541 section 3). Whatever a peer sends, the decoder uses bounded memory and throws
// only a ConnectionError with COMPRESSION_ERROR.

import { ErrorCode } from '../error-codes.ts';
import { ConnectionError } from '../errors.ts';
import { isStrictValue } from '../field-bytes.ts';
import { BlockMemo } from './block-memo.ts';
import { DynamicTable } from './dynamic-table.ts';
import { HeaderList } from './header-list.ts';
import { type BlockCursor, readInteger } from './integer.ts';
import { knownNameAt, readName } from './known-names.ts';
import { LONGEST_LITERAL, literalPlace } from './literal-place.ts';
import { SeenBlocks } from './seen-blocks.ts';
import { wasValueSeen } from './seen-values.ts';
import { STATIC_NAMES, STATIC_TABLE_LENGTH, STATIC_VALUES } from './static-table.ts';
import { readString } from './string-literal.ts';

// The first byte of each representation; the bits marked x are the prefix of its integer (RFC 7541 section 6).
//
//   1xxxxxxx  indexed field                       (6.1)
//   01xxxxxx  literal with incremental indexing   (6.2.1)
//   001xxxxx  dynamic table size update           (6.3)
//   0001xxxx  literal never indexed               (6.2.3)
//   0000xxxx  literal without indexing            (6.2.2)
const INDEXED_FROM = 0x80;
const INCREMENTAL_FROM = 0x40;
const SIZE_UPDATE_FROM = 0x20;
const NEVER_INDEXED_FROM = 0x10;

/** The table size with which every connection starts (RFC 9113 section 6.5.2). */
const INITIAL_TABLE_SIZE_BYTES = 4_096;

/** In a larger block no field stays as a literal: it would keep the text of the whole block alive as long as its list. */
const LARGEST_TEXT_BYTES = 8_192;

/** The bytes before the first literal that are kept at most. An indexed field takes one or two bytes. */
const LARGEST_MODEL_BYTES = 256;
/** A connection keeps its model, so a larger list is none (HeaderList.sizeBytes). */
const LARGEST_MODEL_LIST_BYTES = 4096;

const NO_BLOCK = Buffer.alloc(0);

export interface HpackDecoderOptions {
  /** The SETTINGS_HEADER_TABLE_SIZE in force at the start, 4096 unless both sides have agreed on another value. */
  readonly maxTableSizeBytes: number;
  /** Counted as for SETTINGS_MAX_HEADER_LIST_SIZE: name, value and 32 bytes per field. */
  readonly maxListSizeBytes: number;
  readonly maxFields: number;
}

export class HpackDecoder {
  /** For tests and diagnosis. Only the decoder may change the table. */
  readonly table: DynamicTable;
  readonly #maxListSizeBytes: number;
  readonly #maxFields: number;
  /** The text of the block from its first field that stays as a literal, or '' before that field. */
  #text = '';
  #textStart = 0;
  readonly #cursor: BlockCursor = { block: NO_BLOCK, position: 0, end: 0 };
  #maxTableSizeBytes: number;
  /** The next block must start with a table size update to at most this. Undefined when none is due. */
  #dueTableSizeBytes: number | undefined = undefined;
  /**
   * A list with literals, whose fields before the first literal other lists take over. Beside it: the number and size of these
   * fields, the bytes that they were decoded from, and the generation of the table at that time.
   */
  #model: HeaderList | undefined = undefined;
  #modelFields = 0;
  #modelSizeBytes = 0;
  #modelBytes: Buffer = NO_BLOCK;
  #modelLength = 0;
  #modelGeneration = 0;
  /** The offset at which the block that is being decoded begins. */
  #blockStart = 0;
  /** Created with the first block worth keeping, so an idle connection has none. */
  #memo: BlockMemo | undefined = undefined;
  /**
   * Created when the memo is full, or with the first block that has literals. From then on such a block is stored only when it
   * comes a second time.
   */
  #seen: SeenBlocks | undefined = undefined;

  constructor(options: HpackDecoderOptions) {
    this.#maxTableSizeBytes = options.maxTableSizeBytes;
    this.#maxListSizeBytes = options.maxListSizeBytes;
    this.#maxFields = options.maxFields;
    this.table = new DynamicTable(Math.min(options.maxTableSizeBytes, INITIAL_TABLE_SIZE_BYTES));
  }

  /** Increases whenever the dynamic table changes. */
  get generation(): number {
    return this.table.generation;
  }

  /**
   * Sets the limit of the table. Must be called when the peer has acknowledged our SETTINGS_HEADER_TABLE_SIZE, not when it is
   * sent. Connection never changes that setting, so only tests call this.
   */
  setMaxTableSize(bytes: number): void {
    this.#maxTableSizeBytes = bytes;
    if (bytes < this.table.maxSizeBytes) {
      this.#dueTableSizeBytes = Math.min(bytes, this.#dueTableSizeBytes ?? bytes);
    }
  }

  /**
   * Decodes one whole header block, the bytes of `block` from start to end. While the dynamic table does not change, the same
   * bytes yield the same list object, so callers must not change a list.
   */
  decode(block: Buffer, start: number, end: number): HeaderList {
    const generation = this.table.generation;
    if (this.#memo !== undefined && this.#dueTableSizeBytes === undefined) {
      const known = this.#memo.find(generation, block, start, end);
      if (known !== undefined) return known;
    }
    const cursor = this.#cursor;
    cursor.block = block;
    cursor.position = start;
    this.#blockStart = start;
    cursor.end = end;
    this.#readSizeUpdates(cursor);
    if (this.#model === undefined) this.#modelGeneration = generation;
    const list = this.#beginList(generation, block, start, end);
    while (cursor.position < end) this.#readField(cursor, list);
    cursor.block = NO_BLOCK;
    this.#remember(generation, block, start, end, list);
    this.#text = '';
    if (this.#modelLength > 0 && this.#model === undefined && list.sizeBytes <= LARGEST_MODEL_LIST_BYTES)
      this.#model = list;
    return list;
  }

  /** @returns a list that holds the model's first fields if the block begins with their bytes, or an empty list */
  #beginList(generation: number, block: Buffer, start: number, end: number): HeaderList {
    const model = this.#model;
    const behind = start + this.#modelLength;
    if (
      model === undefined ||
      generation !== this.#modelGeneration ||
      this.#cursor.position !== start ||
      behind >= end ||
      !model.isFitAsModel ||
      !isSame(this.#modelBytes, block, start, this.#modelLength)
    ) {
      this.#model = undefined;
      this.#modelLength = 0;
      return new HeaderList();
    }
    this.#cursor.position = behind;
    const list = new HeaderList(model, this.#modelFields);
    list.sizeBytes = this.#modelSizeBytes;
    return list;
  }

  /** Remembers what stands before the first literal of a block, since other blocks may begin with it. */
  #noteModel(block: Buffer, start: number, end: number, list: HeaderList): void {
    const length = end - start;
    if (length === 0 || length > LARGEST_MODEL_BYTES || this.table.generation !== this.#modelGeneration)
      return;
    if (this.#modelBytes === NO_BLOCK) this.#modelBytes = Buffer.allocUnsafeSlow(LARGEST_MODEL_BYTES);
    block.copy(this.#modelBytes, 0, start, end);
    this.#modelLength = length;
    this.#modelFields = list.length;
    this.#modelSizeBytes = list.sizeBytes;
  }

  /** Drops the memoised blocks to free memory. The next blocks take a little longer. */
  forget(): void {
    this.#memo = undefined;
    this.#seen = undefined;
    this.#model = undefined;
    this.#modelLength = 0;
    this.#modelBytes = NO_BLOCK;
  }

  #remember(generationBefore: number, block: Buffer, start: number, end: number, list: HeaderList): void {
    const generation = this.table.generation;
    if (generation !== generationBefore) {
      this.#memo?.clear(generation);
    } else if (list.overflowedAt === undefined) {
      // A block with literals that were never seen before is unlikely to come again.
      const isLikely = this.#text === '' && this.#memo?.isFull !== true;
      if (isLikely || this.#wasSeen(block, start, end)) {
        this.#memo ??= new BlockMemo();
        this.#memo.store(generation, block, start, end, list);
      }
    }
  }

  #wasSeen(block: Buffer, start: number, end: number): boolean {
    this.#seen ??= new SeenBlocks();
    return this.#seen.see(block, start, end);
  }

  /** Reads the table size updates, which are allowed only at the start of a block (RFC 7541 section 4.2). */
  #readSizeUpdates(cursor: BlockCursor): void {
    while (
      cursor.position < cursor.end &&
      cursor.block[cursor.position] >= SIZE_UPDATE_FROM &&
      cursor.block[cursor.position] < INCREMENTAL_FROM
    ) {
      const sizeBytes = readInteger(cursor, 0x1f);
      // When the limit was lowered and raised again, the lowest value must be signalled first, so that both sides evict the same
      // entries.
      if (sizeBytes > (this.#dueTableSizeBytes ?? this.#maxTableSizeBytes)) {
        throw violation(
          'hpack_size_update_above_limit',
          'A table size update exceeds the acknowledged limit',
        );
      }
      this.#dueTableSizeBytes = undefined;
      this.table.setMaxSize(sizeBytes);
    }
    if (this.#dueTableSizeBytes !== undefined) {
      // RFC 9113 section 4.3.1.
      throw violation(
        'hpack_size_update_missing',
        'A header block after the table limit was lowered does not start with a size update',
      );
    }
  }

  #readField(cursor: BlockCursor, list: HeaderList): void {
    const byte = cursor.block[cursor.position];
    if (byte >= INDEXED_FROM) {
      const index = readInteger(cursor, 0x7f);
      this.#store(list, this.#nameOf(index), this.#valueOf(index), false);
    } else if (byte >= INCREMENTAL_FROM) {
      const name = this.#readName(cursor, 0x3f);
      const value = readString(cursor);
      this.#store(list, name, value, false);
      this.table.insert(name, value);
    } else if (byte >= SIZE_UPDATE_FROM) {
      throw violation('hpack_size_update_after_field', 'A table size update follows a field of its block');
    } else if (byte !== 0 || !this.#readLiteral(cursor, list)) {
      const name = this.#readName(cursor, 0x0f);
      this.#store(list, name, readString(cursor), byte >= NEVER_INDEXED_FROM);
    }
  }

  /**
   * Leaves a field in the text of its block, from where the encoder can copy it. This is for fields that no rule looks at in
   * particular, that are valid in HTTP/2, and whose value was not seen recently, so that they are not worth a table entry.
   * @returns false when the field has to be read as usual
   */
  #readLiteral(cursor: BlockCursor, list: HeaderList): boolean {
    const { block, position: start } = cursor;
    const name = knownNameAt(block, start + 1, cursor.end);
    if (name === undefined || !name.isOrdinary || cursor.end - start > LARGEST_TEXT_BYTES) return false;
    const valueStart = start + name.bytes.length + 3;
    if (valueStart > cursor.end) return false;
    const length = block[valueStart - 1];
    const end = valueStart + length;
    if (length > LONGEST_LITERAL || end > cursor.end || !isStrictValue(block, valueStart, end)) return false;
    if (wasValueSeen(name.bytes, block, valueStart, end) || !this.#hasRoom(list, name.bytes.length + length))
      return false;
    if (this.#text === '') {
      if (this.#model === undefined) this.#noteModel(block, this.#blockStart, start, list);
      this.#text = block.toString('latin1', start, cursor.end);
      this.#textStart = start;
    }
    list.addLiteral(name.text, this.#text, literalPlace(valueStart - this.#textStart, length));
    cursor.position = end;
    return true;
  }

  #hasRoom(list: HeaderList, fieldBytes: number): boolean {
    return (
      list.overflowedAt === undefined &&
      list.sizeBytes + fieldBytes + 32 <= this.#maxListSizeBytes &&
      list.length < this.#maxFields
    );
  }

  #readName(cursor: BlockCursor, prefixMask: number): string {
    const index = readInteger(cursor, prefixMask);
    return index === 0 ? readName(cursor) : this.#nameOf(index);
  }

  #nameOf(index: number): string {
    if (index <= STATIC_TABLE_LENGTH) {
      if (index === 0) throw violation('hpack_index_zero', 'A field has index 0');
      return STATIC_NAMES[index];
    }
    const position = index - STATIC_TABLE_LENGTH - 1;
    if (position >= this.table.length) {
      throw violation('hpack_index_out_of_range', `A field has index ${index}, which no table holds`);
    }
    return this.table.nameAt(position);
  }

  /** Must be called after #nameOf, which checks the index. */
  #valueOf(index: number): string {
    return index <= STATIC_TABLE_LENGTH
      ? STATIC_VALUES[index]
      : this.table.valueAt(index - STATIC_TABLE_LENGTH - 1);
  }

  /** Adds a field unless a limit is exceeded. After that, decoding goes on to keep the table in sync, but fields are dropped. */
  #store(list: HeaderList, name: string, value: string, isNeverIndexed: boolean): void {
    if (list.overflowedAt !== undefined) {
      // content-type is kept in any case: it decides whether the refusal is sent as gRPC or as HTTP.
      if (name === 'content-type' && value.length <= 64 && list.get(name) === undefined)
        list.add(name, value);
      return;
    }
    if (this.#hasRoom(list, name.length + value.length)) list.add(name, value, isNeverIndexed);
    else list.overflowedAt = name;
  }
}

/** Compares a few bytes, for which a call of Buffer.compare takes longer. */
function isSame(known: Buffer, block: Buffer, start: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (known[index] !== block[start + index]) return false;
  return true;
}

function violation(token: string, message: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, token, message);
}
