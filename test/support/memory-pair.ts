// Two ends of a connection inside this process: what is written to one is read from the other, with backpressure and half-close
// as on a socket. Destroying one end destroys the other. Bytes are copied, so the writer may reuse its buffer as soon as the write
// is done.

import { Duplex } from 'node:stream';

/** The number of bytes that may be in transit in each direction. */
const HIGH_WATER_MARK_BYTES = 262_144;

type Done = (error?: Error | null) => void;

class MemoryEnd extends Duplex {
  #other: MemoryEnd | undefined = undefined;
  /** The callback of a write that the other end could not take yet. */
  #written: Done | undefined = undefined;

  constructor() {
    super({ highWaterMark: HIGH_WATER_MARK_BYTES });
  }

  join(other: MemoryEnd): void {
    this.#other = other;
  }

  override _read(): void {
    this.#other?.becomeWritable();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#hand([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    const buffers = chunks.map(({ chunk }) => chunk);
    this.#hand(buffers, done);
  }

  override _final(done: Done): void {
    process.nextTick(() => {
      if (this.#other?.destroyed === false) this.#other.push(null);
      done();
    });
  }

  override _destroy(error: Error | null, done: Done): void {
    const other = this.#other;
    this.#other = undefined;
    this.#written = undefined;
    // If both directions have ended in order, the other end stays alive, because it may still have data to read.
    const isOver = this.writableFinished && this.readableEnded;
    if (other !== undefined && !isOver) process.nextTick(() => other.destroy());
    done(error);
  }

  becomeWritable(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  /** Delivers later, so that the reader's reaction cannot call the writer before its write has returned. */
  #hand(chunks: readonly Buffer[], done: Done): void {
    process.nextTick(() => {
      const other = this.#other;
      if (other === undefined || other.destroyed) {
        done();
        return;
      }
      if (other.push(Buffer.concat(chunks))) done();
      else this.#written = done;
    });
  }
}

export function memoryPair(): readonly [Duplex, Duplex] {
  const [one, other] = [new MemoryEnd(), new MemoryEnd()];
  one.join(other);
  other.join(one);
  return [one, other];
}
