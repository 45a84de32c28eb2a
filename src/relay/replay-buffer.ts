// The latest request DATA of all calls, so that a call can be sent again if the upstream did not process it (GOAWAY, REFUSED_STREAM).
// All calls share one ring buffer, so memory does not grow with the number of calls. A call is not retried if any of its bytes have been
// overwritten.

/** At 100 MB/s of request data, the ring holds the last 40 ms: longer than a GOAWAY is in flight. */
const CAPACITY_BYTES = 4 * 1024 * 1024;
/** A record begins with its length and the distance back to the previous record of the same call, as 32-bit integers. */
const RECORD_HEADER_BYTES = 8;

export class ReplayBuffer {
  #ring: Buffer | undefined = undefined;
  readonly #capacity: number;
  /**
   * The position of the next record. It only grows; the offset in the ring is its remainder by the capacity. The mark of a record is its
   * position. Positions begin above 0, because mark 0 means "no record".
   */
  #head = RECORD_HEADER_BYTES;

  constructor(capacityBytes = CAPACITY_BYTES) {
    this.#capacity = capacityBytes;
  }

  /**
   * Keeps bytes of a call for a while.
   * @param previous the mark of the call's previous record, or 0
   * @returns the mark of the new record
   */
  append(previous: number, bytes: Buffer, start: number, end: number): number {
    this.#ring ??= Buffer.allocUnsafeSlow(this.#capacity);
    const ring = this.#ring;
    const length = end - start;
    let at = this.#head % this.#capacity;
    if (at + RECORD_HEADER_BYTES + length > this.#capacity) {
      this.#head += this.#capacity - at;
      at = 0;
    }
    const mark = this.#head;
    const distance = previous === 0 ? 0 : Math.min(mark - previous, 0xffffffff);
    ring.writeUInt32LE(length, at);
    ring.writeUInt32LE(distance, at + 4);
    bytes.copy(ring, at + RECORD_HEADER_BYTES, start, end);
    this.#head = mark + RECORD_HEADER_BYTES + length;
    return mark;
  }

  /** Frees the memory. All records count as overwritten. */
  clear(): void {
    this.#ring = undefined;
    this.#head += this.#capacity;
  }

  /** @returns copies of a call's bytes, oldest first, or undefined if some have been overwritten */
  read(mark: number): Buffer[] | undefined {
    const pieces: Buffer[] = [];
    let current = mark;
    while (current !== 0) {
      // A record is intact until its beginning is overwritten: later records are written in order.
      if (this.#ring === undefined || current < this.#head - this.#capacity) return undefined;
      const at = current % this.#capacity;
      const length = this.#ring.readUInt32LE(at);
      const distance = this.#ring.readUInt32LE(at + 4);
      const from = at + RECORD_HEADER_BYTES;
      pieces.push(Buffer.from(this.#ring.subarray(from, from + length)));
      current = distance === 0 ? 0 : current - distance;
    }
    return pieces.toReversed();
  }
}
