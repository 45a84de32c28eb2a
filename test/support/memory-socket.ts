// A socket that is connected to nothing: it keeps what is written, and accepts it as slowly as the test wants.

import { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

export class MemorySocket extends Socket {
  readonly writes: Buffer[] = [];
  /** Whether the peer reads nothing. If so, a write is not done until release() is called. */
  isStalled = false;
  hasEnded = false;
  #held: Done | undefined = undefined;

  get written(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** Completes the write in progress. */
  release(): void {
    const done = this.#held;
    this.#held = undefined;
    done?.();
  }

  /** Delivers bytes from the peer. */
  arrives(chunk: Buffer): void {
    this.push(chunk);
  }

  /** Destroys the socket and resolves after its 'close' handlers have run: mocked timers must be cleared while they are mocked. */
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
    // arrives() pushes the data, so there is nothing to read here.
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

/** Waits until everything scheduled for this event-loop turn, and its immediate consequences, has run. */
export async function nextTurns(count = 2): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
