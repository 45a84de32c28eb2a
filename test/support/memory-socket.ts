// A socket that is connected to nothing: it keeps what is written, and is as slow in taking it as the test wants.

import { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

export class MemorySocket extends Socket {
  readonly writes: Buffer[] = [];
  /** While true the peer takes nothing: a write is done when release() is called. */
  isStalled = false;
  hasEnded = false;
  #held: Done | undefined = undefined;

  get written(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** The write under way is done. */
  release(): void {
    const done = this.#held;
    this.#held = undefined;
    done?.();
  }

  /** Octets from the peer. */
  arrives(chunk: Buffer): void {
    this.push(chunk);
  }

  /** Destroys it, and resolves when everybody has been told: while timers are mocked they must be cleared there. */
  async vanish(): Promise<void> {
    this.destroy();
    await nextTurns();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.writes.push(Buffer.from(chunk));
    if (this.isStalled) this.#held = done;
    else done();
  }

  override _read(): void {
    // What arrives is pushed.
  }

  override _final(done: Done): void {
    this.hasEnded = true;
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const held = this.#held;
    this.#held = undefined;
    held?.(error ?? new Error('destroyed'));
    done(error);
    process.nextTick(() => this.emit('close', error !== null));
  }

  override setNoDelay(): this {
    return this;
  }
}

/** Until everything scheduled for this turn of the event loop, and what follows from it at once, has run. */
export async function nextTurns(count = 2): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
