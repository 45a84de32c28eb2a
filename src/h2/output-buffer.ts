// The output of one connection, serialised into slabs from a pool that all connections share. An idle connection holds no slab
// and costs only this object. A slab returns to the pool once the socket has taken its bytes (see releaseSlab), so that steady
// traffic allocates nothing. A fresh 64 KiB buffer for each flush made garbage collection dominate once the heap held many
// streams (25 to 128 microseconds per call).

/** Enough for what a connection usually sends per turn of the event loop. */
const SMALL_SLAB_BYTES = 4096;
/** Four DATA frames of the usual largest size, with their headers and a little more. Room for only three would waste a quarter. */
const LARGE_SLAB_BYTES = 4 * (16_384 + 9) + 1024;
/** How many slabs are kept for reuse. Those beyond come from a burst and are left to the garbage collector. */
const SMALL_SLABS_KEPT = 1024;
const LARGE_SLABS_KEPT = 64;

const EMPTY: Buffer = Buffer.alloc(0);
const smallSlabs: Buffer[] = [];
const largeSlabs: Buffer[] = [];

/** Leaves the spare slabs to the garbage collector, because memory is short. */
export function dropSpareSlabs(): void {
  smallSlabs.length = 0;
  largeSlabs.length = 0;
}

/** Output to be written to the socket: the first `length` bytes of `bytes`. */
/** Small enough that sums of two are small integers to V8, and far more than a connection ever has pending. */
const POSITIONS = 2 ** 29;

export interface Slab {
  bytes: Buffer;
  length: number;
}

/** Writes the output to the peer. The methods are called while a frame is being serialised. */
export interface OutputSink {
  /** The buffer was empty and now has output. */
  outputBegins(): void;
  /** A full slab waits and can be written at once. */
  slabIsFull(): void;
}

export class OutputBuffer {
  /** The next byte goes to `bytes[position]`. After reserve(), write there and then advance `position`. */
  bytes: Buffer = EMPTY;
  position = 0;
  /** Full slabs, oldest first. */
  #full: Slab[] | undefined = undefined;
  #fullBytes = 0;
  /** Bytes that were handed to the socket and not yet written. */
  #inFlightBytes = 0;
  /** All bytes ever written, modulo POSITIONS: a number that grows for ever would become an object. */
  #writtenBytes = 0;
  readonly #sink: OutputSink;

  constructor(sink: OutputSink) {
    this.#sink = sink;
  }

  /** All bytes that are not yet written, including those that were handed to the socket. */
  get pendingBytes(): number {
    return this.position + this.#fullBytes + this.#inFlightBytes;
  }

  /** Where the output ends now, for isWritten. */
  get end(): number {
    return (this.#writtenBytes + this.pendingBytes) % POSITIONS;
  }

  /** @param end a value of `end`, from when no more than half of POSITIONS were pending */
  isWritten(end: number): boolean {
    return (this.#writtenBytes - end + POSITIONS) % POSITIONS < POSITIONS / 2;
  }

  /** Makes room for `size` contiguous bytes at `position`, at most 64 KiB. */
  reserve(size: number): Buffer {
    if (this.position + size > this.bytes.length) this.#grow(size);
    return this.bytes;
  }

  #grow(size: number): void {
    if (this.bytes === EMPTY) {
      this.bytes =
        size > SMALL_SLAB_BYTES
          ? (largeSlabs.pop() ?? Buffer.allocUnsafeSlow(LARGE_SLAB_BYTES))
          : (smallSlabs.pop() ?? Buffer.allocUnsafeSlow(SMALL_SLAB_BYTES));
      if (this.#fullBytes === 0) this.#sink.outputBegins();
      return;
    }
    const large = largeSlabs.pop() ?? Buffer.allocUnsafeSlow(LARGE_SLAB_BYTES);
    if (this.bytes.length === SMALL_SLAB_BYTES) {
      // One write of a large slab is cheaper than a small and a large write: TLS makes separate records for each write.
      this.bytes.copy(large, 0, 0, this.position);
      if (smallSlabs.length < SMALL_SLABS_KEPT) smallSlabs.push(this.bytes);
    } else {
      this.#full ??= [];
      this.#full.push({ bytes: this.bytes, length: this.position });
      this.#fullBytes += this.position;
      this.position = 0;
      this.bytes = large;
      this.#sink.slabIsFull();
    }
    this.bytes = large;
  }

  /** Hands the oldest slab to the caller, which must return it by releaseSlab once the socket has taken its bytes. */
  takeSlab(): Slab | undefined {
    let slab = this.#full?.shift();
    if (slab === undefined) {
      if (this.position === 0) return undefined;
      slab = { bytes: this.bytes, length: this.position };
      this.bytes = EMPTY;
      this.position = 0;
    } else {
      this.#fullBytes -= slab.length;
    }
    this.#inFlightBytes += slab.length;
    return slab;
  }

  releaseSlab(slab: Slab): void {
    this.#inFlightBytes -= slab.length;
    this.#writtenBytes = (this.#writtenBytes + slab.length) % POSITIONS;
    const pool = slab.bytes.length === SMALL_SLAB_BYTES ? smallSlabs : largeSlabs;
    const kept = slab.bytes.length === SMALL_SLAB_BYTES ? SMALL_SLABS_KEPT : LARGE_SLABS_KEPT;
    if (pool.length < kept) pool.push(slab.bytes);
  }

  /** Drops the output that was not taken yet, because the connection is gone. */
  discard(): void {
    for (let slab = this.takeSlab(); slab !== undefined; slab = this.takeSlab()) this.releaseSlab(slab);
  }
}
