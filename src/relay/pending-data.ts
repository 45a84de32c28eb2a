// Bytes of one direction that wait for room on the other side. They are copied into blocks: many small pieces then take little more
// memory than their bytes, and a few pending bytes do not keep a whole socket buffer alive.

import { turnStamp } from '../transport/turn-clock.ts';

const FIRST_BLOCK_BYTES = 512;
const LARGEST_BLOCK_BYTES = 16_384;

export class PendingData {
  readonly #blocks: Buffer[] = [];
  /** When bytes came last into each block, by turnStamp(). */
  readonly #stamps: number[] = [];
  /** How many bytes of the first block have been taken. */
  #readAt = 0;
  /** How many bytes of the last block are in use. */
  #writeAt = 0;
  /** Pending bytes. */
  size = 0;

  append(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let block = this.#blocks.at(-1);
      if (block === undefined || this.#writeAt === block.length) {
        const wanted = Math.max(FIRST_BLOCK_BYTES, 2 * (block?.length ?? 0), end - at);
        block = Buffer.allocUnsafeSlow(Math.min(wanted, LARGEST_BLOCK_BYTES));
        this.#blocks.push(block);
        this.#stamps.push(0);
        this.#writeAt = 0;
      }
      const copied = bytes.copy(block, this.#writeAt, at, end);
      this.#writeAt += copied;
      this.size += copied;
      at += copied;
      this.#stamps[this.#stamps.length - 1] = turnStamp();
    }
  }

  /** Takes a piece as it is, without a copy, if nothing else is pending. @param piece its bytes must not change any more */
  adopt(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#blocks.push(piece);
    this.#stamps.push(turnStamp());
    this.#writeAt = piece.length;
    this.size += piece.length;
  }

  /** A time at which the oldest pending bytes had come already, by turnStamp(): at most one block later than they came. */
  get oldestStamp(): number | undefined {
    return this.#stamps.at(0);
  }

  /** The pending bytes, oldest first. They are valid until something is appended or taken. */
  get pieces(): readonly Buffer[] {
    const last = this.#blocks.length - 1;
    return this.#blocks.map((block, index) =>
      block.subarray(index === 0 ? this.#readAt : 0, index === last ? this.#writeAt : block.length),
    );
  }

  /** Drops the newest bytes, so that at most `size` stay. */
  truncate(size: number): void {
    let excess = this.size - size;
    while (excess > 0) {
      const last = this.#blocks.length - 1;
      const used = this.#writeAt - (last === 0 ? this.#readAt : 0);
      const dropped = Math.min(used, excess);
      excess -= dropped;
      this.size -= dropped;
      this.#writeAt -= dropped;
      if (dropped < used) return;
      this.#blocks.pop();
      this.#stamps.pop();
      this.#writeAt = this.#blocks.at(-1)?.length ?? 0;
      if (last === 0) this.#readAt = 0;
    }
  }

  /**
   * Offers the pending bytes, oldest first, until `take` takes less than it was offered.
   * @param take `isLast` is true if no more bytes are pending after these. Returns how many bytes it took.
   */
  drain(take: (bytes: Buffer, start: number, end: number, isLast: boolean) => number): void {
    while (this.size > 0) {
      const block = this.#blocks[0];
      const isLast = this.#blocks.length === 1;
      const end = isLast ? this.#writeAt : block.length;
      const start = this.#readAt;
      const taken = take(block, start, end, isLast);
      this.size -= taken;
      this.#readAt += taken;
      if (this.#readAt < end) return;
      this.#blocks.shift();
      this.#stamps.shift();
      this.#readAt = 0;
    }
    this.#writeAt = 0;
  }
}
