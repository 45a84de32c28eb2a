// Two ends of a connection inside this process: what is written to one is read from the other, with backpressure and
// half-close as on a socket. An end that is destroyed takes the other with it. Octets are copied: the writer may use its
// buffer again as soon as the write is done.

import { Duplex } from 'node:stream';

/** Octets that may wait on their way, in either direction. */
const HIGH_WATER_MARK_BYTES = 262_144;

type Done = (error?: Error | null) => void;

class MemoryEnd extends Duplex {
  #other: MemoryEnd | undefined = undefined;
  /** Of what the other end could not take yet. */
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
    // Both directions have ended in order: what was handed over may still be read.
    const isOver = this.writableFinished && this.readableEnded;
    if (other !== undefined && !isOver) process.nextTick(() => other.destroy());
    done(error);
  }

  becomeWritable(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  /** In a turn of its own: who writes must not be called by who reads before the write is over. */
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
