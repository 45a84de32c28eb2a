// Recently decoded header blocks and their lists. gRPC clients repeat the same octets call after call, so a decoder
// that compares them first seldom has to decode. Holds true only while the dynamic table does not change.

import type { HeaderList } from './header-list.ts';

/** Times MAX_BLOCK_BYTES is what a connection can make us keep: 32 KiB. */
const MAX_ENTRIES = 16;
/** A request with a bearer token of usual size fits. */
const MAX_BLOCK_BYTES = 2_048;

/** From here on the native comparison is quicker than the loop (measured: about 64 octets). */
const NATIVE_COMPARE_FROM = 64;

interface MemoEntry {
  block: Buffer;
  /** Octets of `block` in use: whoever replaces an entry takes over its buffer. */
  length: number;
  list: HeaderList;
  /** Since the hand last passed. */
  wasUsed: boolean;
}

export class BlockMemo {
  readonly #entries: MemoEntry[] = [];
  #generation = 0;
  /** Where the last hit was: the next is most likely there. */
  #lastHit = 0;
  /** The next entry to replace unless it was used: the "clock", which nears least-recently-used without moving any. */
  #hand = 0;
  /** Where two blocks of equal length last differed: the others differ there too, mostly (a path, an id). */
  #tellingPosition = 0;

  /** From now on each newcomer drives out another. */
  get isFull(): boolean {
    return this.#entries.length === MAX_ENTRIES;
  }

  /** The list these octets decoded to when the table was at this generation. Allocates nothing. */
  find(generation: number, block: Buffer, start: number, end: number): HeaderList | undefined {
    const count = this.#entries.length;
    if (generation !== this.#generation || count === 0) return undefined;
    const length = end - start;
    let place = this.#lastHit;
    for (let tried = 0; tried < count; tried++) {
      const entry = this.#entries[place];
      if (entry.length === length && this.#hasSameOctets(entry.block, block, start, length)) {
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

  /** Forgets everything; what is stored from now on belongs to this generation of the table. */
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

  #hasSameOctets(known: Buffer, block: Buffer, start: number, length: number): boolean {
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

/** `length` where there is none. Four octets each round take half the time of one each. */
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

/** Not from Buffer's pool: one entry of an idle connection would keep a whole pool slab alive. */
function copyOf(block: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  block.copy(copy, 0, start, end);
  return copy;
}
