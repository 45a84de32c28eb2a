// Writes buffers to a file descriptor, completely and in order, and retries if a write fails.
// It must not block (except in writeAllSync), must not throw, and must not touch a buffer after giving it back.

import { constants, fstatSync, openSync, writeSync, writev } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';

const firstRetryMs = 1;
const longestRetryMs = 50;
const retryAfterErrorMs = 1000;
/** A write of at most this many bytes to a pipe is atomic, that is, never mixed with other processes' writes (PIPE_BUF of Linux). */
const atomicPipeBytes = 4096;
const newline = 10;

export interface DescriptorWriterOptions {
  readonly fd: number;
  /** Whether other processes write to the same pipe. If so, each write is small enough that the kernel keeps its lines whole. */
  readonly isShared: boolean;
  /** Called when a buffer is completely written; the caller owns it again. */
  readonly onWritten: (buffer: Buffer) => void;
  /** Called when a write has failed and will be retried; 'EAGAIN' means that the reader is slow. */
  readonly onRefused: (errorCode: string) => void;
}

interface Chunk {
  readonly buffer: Buffer;
  readonly length: number;
}

interface NextDescriptor {
  readonly fd: number;
  readonly release: (fd: number) => void;
}

/**
 * Replaces SonicBoom, pino's own destination, which has three faults. While the reader of a pipe stalls, its write blocks a
 * thread of the pool, and process.exit() waits forever for that thread. After one EPIPE it writes nothing more. Its flushSync
 * ignores the write in flight, and sleeps without limit on EAGAIN. This class writes to pipes, sockets and terminals without blocking,
 * on the main thread; only files, which do not stall forever, go through the pool.
 */
export class DescriptorWriter {
  readonly #options: DescriptorWriterOptions;
  #fd: number;
  /** Undefined for files, which are written to by the pool. */
  readonly #nonblocking: Nonblocking | undefined;
  /** The chunks to write, oldest first. */
  readonly #queue: Chunk[] = [];
  #heldBytes = 0;
  /** The number of bytes of the first chunk that have been written. */
  #written = 0;
  /** The number of chunks at the head of the queue that the pool is writing. */
  #inFlight = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  /** The descriptor to go on with once the pool's write has ended. */
  #next: NextDescriptor | undefined = undefined;
  #retryMs = firstRetryMs;

  constructor(options: DescriptorWriterOptions) {
    this.#options = options;
    this.#nonblocking = openNonblocking(options.fd);
    this.#fd = this.#nonblocking?.fd ?? options.fd;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Whether the pool has a write in progress, whose outcome is not known yet. */
  get isWriting(): boolean {
    return this.#inFlight > 0;
  }

  /** The number of bytes waiting to be written. */
  get pendingBytes(): number {
    let bytes = -this.#written;
    for (const chunk of this.#queue) bytes += chunk.length;
    return bytes;
  }

  /** The number of lines waiting to be written. The getter scans all buffers, so it is for the end of the process only. */
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

  /** The memory of all waiting buffers, however little data they hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Queues a buffer, which belongs to the writer until onWritten gives it back. */
  push(buffer: Buffer, length: number): void {
    this.#queue.push({ buffer, length });
    this.#heldBytes += buffer.length;
    this.#pump();
  }

  /**
   * Goes on with another file: what waits is written there, and a write in progress ends in the file that it began in.
   * @param release gets each descriptor that will not be used any more
   */
  moveTo(fd: number, release: (fd: number) => void): void {
    if (this.#next !== undefined) release(this.#next.fd);
    this.#next = { fd, release };
    if (!this.isWriting) this.#move();
  }

  #move(): void {
    if (this.#next === undefined) return;
    const { fd, release } = this.#next;
    const before = this.#fd;
    this.#next = undefined;
    this.#fd = fd;
    // A full disk may have cut a line in two. The next file gets it whole, since nobody would put the halves together.
    if (this.#written > 0) this.#written = this.#queue[0].buffer.lastIndexOf(newline, this.#written - 1) + 1;
    release(before);
    this.retryNow();
  }

  /** Retries at once instead of waiting for the retry timer. */
  retryNow(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#pump();
  }

  /** Blocks until everything is written, but gives up at an error, or at EAGAIN after `timeoutMs`. The rest stays queued. */
  writeAllSync(timeoutMs: number): void {
    const deadline = performance.now() + timeoutMs;
    // How far the pool's write has got is unknown, so it gets a moment to finish before what follows is written.
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

  /** Forgets what waits, except for what the pool is writing. */
  discard(): void {
    for (const { buffer } of this.#queue.splice(this.#inFlight)) this.#heldBytes -= buffer.length;
    if (this.#inFlight === 0) this.#written = 0;
  }

  /** Removes the first bytes of a chunk that is not the first in the queue. */
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

  /** Writes all chunks at once, because a busy proxy fills several buffers in the event-loop turn that the pool takes to answer. */
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
    // This must come last: onWritten may push another buffer, which must not be written before all written bytes are counted.
    this.#inFlight = 0;
    this.#move();
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

  /** @returns how many bytes of a chunk go into one write. A line longer than an atomic write is written alone. */
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

  /** Retries on a timer, because no event tells when such a pipe has room again. A reader that is running needs about 1 ms. */
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

/** A descriptor at which a write that would have to wait fails with EAGAIN instead. */
interface Nonblocking {
  readonly fd: number;
  /** Keeps a pipe or socket in O_NONBLOCK; nothing is written through it. Undefined for a terminal. */
  readonly keeper: Socket | undefined;
}

function openNonblocking(fd: number): Nonblocking | undefined {
  if (isatty(fd)) return openTerminal(fd);
  try {
    const status = fstatSync(fd);
    if (!status.isFIFO() && !status.isSocket()) return undefined;
    // What Node does for process.stdout: wrapping a pipe or socket sets O_NONBLOCK (for fds 0 to 2 until the process exits).
    return { fd, keeper: new Socket({ fd, readable: false, writable: true }) };
  } catch {
    return undefined;
  }
}

/**
 * Opens the terminal once more, since O_NONBLOCK on the descriptor itself would be set for the shell, too. A terminal that is stopped
 * (Ctrl-S) would otherwise block a thread of the pool, for which process.exit() waits. The descriptor stays open until the process ends.
 * @returns undefined where this is not possible: without /proc, or for a terminal of another user
 */
function openTerminal(fd: number): Nonblocking | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY), keeper: undefined };
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
