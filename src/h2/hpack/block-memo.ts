// Recently decoded header blocks with their lists. gRPC clients repeat the same bytes call after call, so a decoder that first
// compares a block with these seldom has to decode it. The entries are valid only while the dynamic table does not change.

import type { HeaderList } from './header-list.ts';

/** A connection can make us keep this many times MAX_BLOCK_BYTES: 32 KiB. */
const MAX_ENTRIES = 16;
/** Enough for a request with a bearer token of usual size. */
const MAX_BLOCK_BYTES = 2_048;

/** From this length on the native comparison is faster than the loop (measured: about 64 bytes). */
const NATIVE_COMPARE_FROM = 64;

interface MemoEntry {
  block: Buffer;
  /** How many bytes of `block` are in use. An entry's buffer is reused when the entry is replaced. */
  length: number;
  list: HeaderList;
  /** Whether the entry was used since the hand last passed it. */
  wasUsed: boolean;
}

export class BlockMemo {
  readonly #entries: MemoEntry[] = [];
  #generation = 0;
  /** The index of the last hit, where the next hit is most likely. */
  #lastHit = 0;
  /**
   * The entry to replace next, unless it was used. This is the CLOCK algorithm, which approximates least-recently-used without
   * moving entries.
   */
  #hand = 0;
  /**
   * Where two blocks of equal length last differed. Other blocks mostly differ in the same position, for example in a path or an
   * id.
   */
  #tellingPosition = 0;

  /** Whether each new block now replaces another one. */
  get isFull(): boolean {
    return this.#entries.length === MAX_ENTRIES;
  }

  /** The list these bytes were decoded to at this generation of the table. Allocates nothing. */
  find(generation: number, block: Buffer, start: number, end: number): HeaderList | undefined {
    const count = this.#entries.length;
    if (generation !== this.#generation || count === 0) return undefined;
    const length = end - start;
    let place = this.#lastHit;
    for (let tried = 0; tried < count; tried++) {
      const entry = this.#entries[place];
      if (entry.length === length && this.#hasSameBytes(entry.block, block, start, length)) {
        entry.wasUsed = true;
        this.#lastHit = place;
        return entry.list;
      }
      place = place + 1 === count ? 0 : place + 1;
    }
    return undefined;
  }

  store(generation: number, block: Buffer, start: number, end: number, list: HeaderList): void {
    const length = end - start;
    if (length > MAX_BLOCK_BYTES) return;
    if (generation !== this.#generation) this.clear(generation);
    if (this.#entries.length < MAX_ENTRIES) {
      this.#entries.push({ block: copyOf(block, start, end), length, list, wasUsed: false });
      return;
    }
    const entry = this.#replaceable();
    if (entry.block.length < length) entry.block = copyOf(block, start, end);
    else block.copy(entry.block, 0, start, end);
    entry.length = length;
    entry.list = list;
  }

  /** Drops all entries. What is stored from now on belongs to this generation of the table. */
  clear(generation: number): void {
    this.#entries.length = 0;
    this.#generation = generation;
    this.#lastHit = 0;
    this.#hand = 0;
  }

  #replaceable(): MemoEntry {
    for (;;) {
      const entry = this.#entries[this.#hand];
      this.#hand = (this.#hand + 1) % MAX_ENTRIES;
      if (!entry.wasUsed) return entry;
      entry.wasUsed = false;
    }
  }

  #hasSameBytes(known: Buffer, block: Buffer, start: number, length: number): boolean {
    const telling = this.#tellingPosition;
    if (telling < length && known[telling] !== block[start + telling]) return false;
    if (length >= NATIVE_COMPARE_FROM && known.compare(block, start, start + length, 0, length) === 0)
      return true;
    const position = firstDifference(known, block, start, length);
    if (position === length) return true;
    this.#tellingPosition = position;
    return false;
  }
}

/**
 * The position of the first difference, or `length` when there is none. Comparing four bytes per step takes half the time of one
 * per step.
 */
function firstDifference(known: Buffer, block: Buffer, start: number, length: number): number {
  let at = 0;
  while (
    at + 3 < length &&
    ((known[at] ^ block[start + at]) |
      (known[at + 1] ^ block[start + at + 1]) |
      (known[at + 2] ^ block[start + at + 2]) |
      (known[at + 3] ^ block[start + at + 3])) ===
      0
  )
    at += 4;
  while (at < length && known[at] === block[start + at]) at++;
  return at;
}

/** Not allocated from Buffer's pool: one entry of an idle connection would keep a whole pool slab alive. */
function copyOf(block: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  block.copy(copy, 0, start, end);
  return copy;
}
