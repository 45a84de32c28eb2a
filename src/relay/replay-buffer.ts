// The latest request DATA of all calls, so that a call that an upstream never processed (GOAWAY, REFUSED_STREAM) can be
// made again elsewhere. One ring for the process: what happened a moment ago is in it, and memory does not grow with
// calls. A call whose octets were overwritten is not retried.

/** Power of two. At 100 MB/s of requests it holds the last 40 ms, more than a GOAWAY on its way needs. */
const CAPACITY_BYTES = 4 * 1024 * 1024;
/** Length of a record, then the distance back to the record before it of the same call. */
const RECORD_HEADER_BYTES = 8;

export class ReplayBuffer {
  #ring: Buffer | undefined = undefined;
  readonly #capacity: number;
  /** Octets ever written; a mark is this count at the beginning of a record. Begins above 0: mark 0 is "nothing". */
  #head = RECORD_HEADER_BYTES;

  constructor(capacityBytes = CAPACITY_BYTES) {
    this.#capacity = capacityBytes;
  }

  /**
   * Keeps octets of a call for a while.
   * @param previous the mark of the call's record before this one, or 0
   * @returns the mark of this record
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

  /** Gives the memory back. What was kept is as if it had been overwritten. */
  clear(): void {
    this.#ring = undefined;
    this.#head += this.#capacity;
  }

  /** The octets of a call, oldest first, or undefined when some were overwritten. */
  read(mark: number): Buffer[] | undefined {
    const pieces: Buffer[] = [];
    let current = mark;
    while (current !== 0) {
      // A record is whole as long as nothing was written over its beginning one turn later.
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
