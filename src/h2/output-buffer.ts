// The octets one connection has still to send, serialised into slabs from a pool shared by all connections.
// An idle connection holds no slab: what it costs is this object. A slab goes back to the pool when the socket has
// taken it (see takeSlab), so that steady traffic allocates nothing. A fresh 64 KiB buffer per flush made garbage
// collection dominate once the heap held many streams (25 to 128 microseconds per call).

/** Enough for what a connection usually sends per turn of the event loop. */
const SMALL_SLAB_BYTES = 4096;
/** Four DATA frames of the usual largest size, with their headers and a little more: three would waste a quarter. */
const LARGE_SLAB_BYTES = 4 * (16_384 + 9) + 1024;
/** Slabs kept for reuse; more than this is a burst, and goes to the garbage collector. */
const SMALL_SLABS_KEPT = 1024;
const LARGE_SLABS_KEPT = 64;

const EMPTY: Buffer = Buffer.alloc(0);
const smallSlabs: Buffer[] = [];
const largeSlabs: Buffer[] = [];

/** Memory is short: those that wait for reuse go to the garbage collector. */
export function dropSpareSlabs(): void {
  smallSlabs.length = 0;
  largeSlabs.length = 0;
}

/** A stretch of output to be written to the socket: `bytes` up to `length`. */
export interface Slab {
  bytes: Buffer;
  length: number;
}

/** Who brings the output to the peer. Called while a frame is about to be written. */
export interface OutputSink {
  /** There is output where there was none. */
  outputBegins(): void;
  /** A whole slab waits: it may leave at once. */
  slabIsFull(): void;
}

export class OutputBuffer {
  /** Where the next octet goes: write at `bytes[position]` after reserve(), then move `position`. */
  bytes: Buffer = EMPTY;
  position = 0;
  /** Full slabs, oldest first. */
  #full: Slab[] | undefined = undefined;
  #fullBytes = 0;
  /** Taken by the socket and not yet written. */
  #inFlightBytes = 0;
  readonly #sink: OutputSink;

  constructor(sink: OutputSink) {
    this.#sink = sink;
  }

  /** Everything the peer has not been given yet, in flight to the socket included. */
  get pendingBytes(): number {
    return this.position + this.#fullBytes + this.#inFlightBytes;
  }

  /** Makes room for `size` octets in one piece at `position`; at most 64 KiB. */
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
      // One write of a large slab is cheaper than two of a small and a large one: TLS makes records of each write.
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

  /** The oldest slab, now the caller's, who gives it back by releaseSlab once the socket has taken its octets. */
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
    const pool = slab.bytes.length === SMALL_SLAB_BYTES ? smallSlabs : largeSlabs;
    const kept = slab.bytes.length === SMALL_SLAB_BYTES ? SMALL_SLABS_KEPT : LARGE_SLABS_KEPT;
    if (pool.length < kept) pool.push(slab.bytes);
  }

  /** Forgets everything not yet taken: the connection is gone. */
  discard(): void {
    for (let slab = this.takeSlab(); slab !== undefined; slab = this.takeSlab()) this.releaseSlab(slab);
  }
}
