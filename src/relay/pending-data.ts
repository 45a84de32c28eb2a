// Octets of one direction that wait for room on the other side. Copied into blocks, so that what is held is about what
// was received, in however small pieces it came, and no socket buffer is kept alive for a few octets of it.

const FIRST_BLOCK_BYTES = 512;
const LARGEST_BLOCK_BYTES = 16_384;

export class PendingData {
  readonly #blocks: Buffer[] = [];
  /** Octets of the first block already taken, and of the last block in use. */
  #readAt = 0;
  #writeAt = 0;
  size = 0;

  append(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let block = this.#blocks.at(-1);
      if (block === undefined || this.#writeAt === block.length) {
        const wanted = Math.max(FIRST_BLOCK_BYTES, 2 * (block?.length ?? 0), end - at);
        block = Buffer.allocUnsafeSlow(Math.min(wanted, LARGEST_BLOCK_BYTES));
        this.#blocks.push(block);
        this.#writeAt = 0;
      }
      const copied = bytes.copy(block, this.#writeAt, at, end);
      this.#writeAt += copied;
      this.size += copied;
      at += copied;
    }
  }

  /**
   * Offers what is held, oldest first, until `take` takes less than it is offered.
   * @param take is told whether nothing follows; returns how many octets it took
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
      this.#readAt = 0;
    }
    this.#writeAt = 0;
  }
}
