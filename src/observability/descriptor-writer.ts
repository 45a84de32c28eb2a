// Writes buffers to a file descriptor, in order and whole, and tries again where the descriptor refuses.
// Must never block (writeAllSync apart), never throw, and never touch a buffer again once it was given back.

import { fstatSync, writeSync, writev } from 'node:fs';
import { Socket } from 'node:net';

const firstRetryMs = 1;
const longestRetryMs = 50;
const retryAfterErrorMs = 1000;
/** A write of at most this many octets to a pipe is never mixed with another process's (POSIX; PIPE_BUF of Linux). */
const atomicPipeBytes = 4096;
const newline = 10;

export interface DescriptorWriterOptions {
  readonly fd: number;
  /** Other processes write to the same pipe: then lines go out in portions that the kernel keeps whole. */
  readonly isShared: boolean;
  /** Every octet of this buffer is written; it is the caller's again. */
  readonly onWritten: (buffer: Buffer) => void;
  /** A write failed and will be tried again; 'EAGAIN' says that the reader is behind. */
  readonly onRefused: (errorCode: string) => void;
}

interface Chunk {
  readonly buffer: Buffer;
  readonly length: number;
}

/**
 * Why not SonicBoom, pino's own destination. While the reader of a pipe stalls, its write holds a thread of the pool,
 * and process.exit() waits for that thread for ever; after one EPIPE it stays silent; its flushSync knows nothing of
 * the write in flight and sleeps without limit on EAGAIN. Here pipes and sockets are written without blocking, by the
 * event loop's own thread; only what does not stall for ever (files, terminals) goes through the pool.
 */
export class DescriptorWriter {
  readonly #options: DescriptorWriterOptions;
  readonly #fd: number;
  /** Kept only to keep the descriptor in O_NONBLOCK; nothing is written through it. Undefined for files and terminals. */
  readonly #nonblocking: Socket | undefined;
  /** Oldest first. */
  readonly #queue: Chunk[] = [];
  #heldBytes = 0;
  /** Octets of the first chunk that are written already. */
  #written = 0;
  /** Chunks at the head of the queue that the pool is writing. */
  #inFlight = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;

  constructor(options: DescriptorWriterOptions) {
    this.#options = options;
    this.#fd = options.fd;
    this.#nonblocking = openNonblocking(options.fd);
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** The pool has a write under way, of which nothing is known yet. */
  get isWriting(): boolean {
    return this.#inFlight > 0;
  }

  /** Octets waiting to be written. */
  get pendingBytes(): number {
    let bytes = -this.#written;
    for (const chunk of this.#queue) bytes += chunk.length;
    return bytes;
  }

  /** Lines that wait to be written, counted; for the end of the process. */
  get pendingLines(): number {
    let lines = 0;
    for (const [index, { buffer, length }] of this.#queue.entries()) {
      const from = index === 0 ? this.#written : 0;
      for (
        let at = buffer.indexOf(newline, from);
        at !== -1 && at < length;
        at = buffer.indexOf(newline, at + 1)
      )
        lines++;
    }
    return lines;
  }

  /** Memory of the buffers that wait, however little they hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes the buffer until onWritten gives it back. */
  push(buffer: Buffer, length: number): void {
    this.#queue.push({ buffer, length });
    this.#heldBytes += buffer.length;
    this.#pump();
  }

  /** Does not wait for the next try after a refusal. */
  retryNow(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#pump();
  }

  /** Blocks until all is written, or until the descriptor has refused for `timeoutMs`. What it refuses stays queued. */
  writeAllSync(timeoutMs: number): void {
    const deadline = performance.now() + timeoutMs;
    // Nothing tells how far the pool is with what it writes: a moment lets that land before what follows.
    const first = this.#inFlight;
    if (first > 0) sleep(20);
    while (this.#queue.length > first) {
      const chunk = this.#queue[first];
      const from = first === 0 ? this.#written : 0;
      const written = this.#writeSync(chunk, from, deadline);
      if (written < chunk.length) {
        if (first === 0) this.#written = written;
        else this.#cut(first, written);
        return;
      }
      this.#queue.splice(first, 1);
      this.#heldBytes -= chunk.buffer.length;
      if (first === 0) this.#written = 0;
    }
  }

  /** Takes off the front of a chunk that is not the first. */
  #cut(index: number, bytes: number): void {
    const chunk = this.#queue[index];
    this.#queue[index] = { buffer: chunk.buffer.subarray(bytes), length: chunk.length - bytes };
    this.#heldBytes -= bytes;
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#inFlight === 0 && this.#retryTimer === undefined) {
      if (this.#nonblocking === undefined) this.#writeInPool();
      else this.#writeNonblocking(this.#queue[0]);
    }
  }

  /** All at once: the pool's answer takes a turn of the event loop, in which a busy proxy fills several buffers. */
  #writeInPool(): void {
    this.#inFlight = this.#queue.length;
    const parts = this.#queue.map((chunk, index) =>
      chunk.buffer.subarray(index === 0 ? this.#written : 0, chunk.length),
    );
    writev(this.#fd, parts, this.#onPoolWrite);
  }

  readonly #onPoolWrite = (error: NodeJS.ErrnoException | null, bytes: number): void => {
    if (error === null && bytes > 0) this.#advance(bytes);
    else this.#retryLater(error === null ? 'EAGAIN' : codeOf(error));
    // Only now: what is told of a written buffer may push another, which must not be written before all is counted.
    this.#inFlight = 0;
    this.#pump();
  };

  #writeNonblocking(chunk: Chunk): void {
    let bytes: number;
    try {
      bytes = writeSync(this.#fd, chunk.buffer, this.#written, this.#portion(chunk, this.#written));
    } catch (error) {
      this.#retryLater(codeOf(error));
      return;
    }
    this.#advance(bytes);
  }

  /** How many octets of a chunk go into one write. A line that is longer than what the kernel keeps whole goes alone. */
  #portion(chunk: Chunk, from: number): number {
    const rest = chunk.length - from;
    if (!this.#options.isShared || this.#nonblocking === undefined || rest <= atomicPipeBytes) return rest;
    const end = chunk.buffer.lastIndexOf(newline, from + atomicPipeBytes - 1) + 1;
    if (end > from) return end - from;
    return chunk.buffer.indexOf(newline, from) + 1 - from;
  }

  #advance(bytes: number): void {
    this.#retryMs = firstRetryMs;
    this.#written += bytes;
    while (this.#queue.length > 0 && this.#written >= this.#queue[0].length) {
      const chunk = this.#queue[0];
      this.#queue.shift();
      this.#heldBytes -= chunk.buffer.length;
      this.#written -= chunk.length;
      this.#options.onWritten(chunk.buffer);
    }
  }

  /** No event says that a pipe written this way has room again. 1 ms is what a reader that is awake needs. */
  #retryLater(errorCode: string): void {
    const delayMs = errorCode === 'EAGAIN' ? this.#retryMs : retryAfterErrorMs;
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
    this.#retryTimer = setTimeout(() => this.retryNow(), delayMs);
    this.#retryTimer.unref();
    this.#options.onRefused(errorCode);
  }

  #writeSync(chunk: Chunk, from: number, deadline: number): number {
    let written = from;
    while (written < chunk.length) {
      try {
        written += writeSync(this.#fd, chunk.buffer, written, this.#portion(chunk, written));
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN' || performance.now() >= deadline) break;
        sleep(2);
      }
    }
    return written;
  }
}

/** What Node does for process.stdout: wrapping a pipe or socket sets O_NONBLOCK (for fds 0 to 2 until the process exits). */
function openNonblocking(fd: number): Socket | undefined {
  try {
    const status = fstatSync(fd);
    if (!status.isFIFO() && !status.isSocket()) return undefined;
    return new Socket({ fd, readable: false, writable: true });
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

function sleep(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}
