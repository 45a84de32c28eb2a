// The live streams of a connection by their identifiers. Adding and removing allocates nothing. A Map would make a new table
// every few removals, and since each table refers to the next, an old one keeps all its successors alive.

import type { Stream } from './stream.ts';

const FIRST_SLOTS: readonly (Stream | undefined)[] = Array.from({ length: 16 }, () => undefined);
/** A larger array is given back when the last stream is removed. */
const MOST_SLOTS_KEPT = 256;

export class StreamTable {
  /** Hash chains of streams. The length is a power of two. Allocated with the first stream. */
  #slots: (Stream | undefined)[] | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | undefined {
    const slots = this.#slots;
    if (slots === undefined) return undefined;
    let stream = slots[placeOf(id, slots)];
    while (stream !== undefined && stream.id !== id) stream = stream.nextInTable;
    return stream;
  }

  /** The stream's identifier must not be in the table. */
  add(stream: Stream): void {
    this.#slots ??= FIRST_SLOTS.slice();
    if (this.#size >= this.#slots.length) this.#grow(this.#slots);
    this.#size++;
    link(this.#slots, stream);
  }

  /** @returns false when the stream is not in the table */
  remove(stream: Stream): boolean {
    const slots = this.#slots;
    if (slots === undefined) return false;
    const place = placeOf(stream.id, slots);
    let before: Stream | undefined;
    let found = slots[place];
    while (found !== undefined && found !== stream) {
      before = found;
      found = found.nextInTable;
    }
    if (found === undefined) return false;
    if (before === undefined) slots[place] = stream.nextInTable;
    else before.nextInTable = stream.nextInTable;
    stream.nextInTable = undefined;
    this.#size--;
    if (this.#size === 0 && slots.length > MOST_SLOTS_KEPT) this.#slots = undefined;
    return true;
  }

  #grow(slots: readonly (Stream | undefined)[]): void {
    const streams = this.values();
    const larger = emptySlots(slots.length * 2);
    for (const stream of streams) link(larger, stream);
    this.#slots = larger;
  }

  /** A snapshot of the streams, the oldest first. */
  values(): Stream[] {
    const streams: Stream[] = [];
    for (let stream of this.#slots ?? []) {
      for (; stream !== undefined; stream = stream.nextInTable) streams.push(stream);
    }
    return streams.toSorted((one, other) => one.id - other.id);
  }

  clear(): void {
    for (const stream of this.values()) stream.nextInTable = undefined;
    this.#slots = undefined;
    this.#size = 0;
  }
}

/** Successive streams get neighbouring slots: the live identifiers of a connection are all odd, or all even. */
function placeOf(id: number, slots: readonly unknown[]): number {
  return (id >> 1) & (slots.length - 1);
}

function link(slots: (Stream | undefined)[], stream: Stream): void {
  const place = placeOf(stream.id, slots);
  stream.nextInTable = slots[place];
  slots[place] = stream;
}

function emptySlots(count: number): (Stream | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
