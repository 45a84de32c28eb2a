// The only way into the process's log: pino's lines and the access log's records, complete and in order.
// It must neither block the data path nor throw into it. While nothing can be written, it keeps a bounded amount, drops every
// further record, and reports the number of dropped records once writing works again.

import { DescriptorWriter } from './descriptor-writer.ts';
import { LogComplaints, type LogListener } from './log-complaints.ts';

const slabBytes = 128 * 1024;
const flushAfterMs = 100;
/** The number of slabs kept for reuse. Memory that a burst needs beyond them is freed. */
const mostSpares = 4;

export interface LogDestinationOptions {
  /** The descriptor to write to; 1 is stdout. The code that opened it closes it: after close(), or when moveTo() releases it. */
  readonly fd: number;
  /** The memory for records that wait to be written, 4 MiB by default. Further records are dropped. */
  readonly maxPendingBytes?: number;
  /** Whether several processes write to the same pipe. If so, lines up to 4 KiB are not mixed, at a system call per 4 KiB. */
  readonly isShared?: boolean;
  /** Is told that the log cannot be written. The default is standard error. */
  readonly complaints?: LogListener;
}

/** Called when writing works again, with the number of dropped records. It may write to the log. */
export type DropReporter = (records: number, errorCode: string) => void;

export class LogDestination {
  /** The buffer to write a record to after reserve(), which may replace it. */
  buffer: Buffer = Buffer.allocUnsafeSlow(slabBytes);
  /** The number of bytes in `buffer` that hold records. */
  #length = 0;
  readonly #writer: DescriptorWriter;
  readonly #maxPendingBytes: number;
  readonly #spares: Buffer[] = [];
  #isFlushWanted = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #droppedRecords = 0;
  #reportedRecords = 0;
  #lastErrorCode = '';
  #failedWrites = 0;
  /** The value of #droppedRecords when writes began to fail. Undefined while writes succeed. */
  #droppedBeforeFailure: number | undefined = undefined;
  readonly #complaints: LogListener;
  /** The slow reader was reported, and has not caught up since. */
  #isOverflowTold = false;
  #reportDrops: DropReporter | undefined;
  #closing: Promise<void> | undefined;
  #settle: (() => void) | undefined;

  constructor(options: LogDestinationOptions) {
    this.#maxPendingBytes = options.maxPendingBytes ?? 4 * 1024 * 1024;
    this.#complaints = options.complaints ?? new LogComplaints();
    this.#writer = new DescriptorWriter({
      fd: options.fd,
      isShared: options.isShared ?? false,
      onWritten: (buffer) => this.#onWritten(buffer),
      onRefused: (errorCode) => this.#onRefused(errorCode),
    });
  }

  /** The number of records dropped since the start. */
  get droppedRecords(): number {
    return this.#droppedRecords;
  }

  /** The number of writes that failed since the start. Writes that a slow reader delayed are not counted. */
  get failedWrites(): number {
    return this.#failedWrites;
  }

  /** The number of bytes accepted but not written yet. */
  get pendingBytes(): number {
    return this.#length + this.#writer.pendingBytes;
  }

  reportDropsTo(reporter: DropReporter): void {
    this.#reportDrops = reporter;
  }

  /** Goes on with another file, without losing or repeating a line. `release` gets each descriptor that is not used any more. */
  moveTo(fd: number, release: (fd: number) => void): void {
    this.#writer.moveTo(fd, release);
  }

  /**
   * Makes room for one record of at most `bytes` bytes. The caller must call commit() before anything else.
   * @returns the offset in `buffer` at which to write the record, or -1 if it is dropped (and counted as such)
   */
  reserve(bytes: number): number {
    return this.#length + bytes <= slabBytes ? this.#length : this.#reserveInNextSlab(bytes);
  }

  /** Accepts the record written since reserve(), newline included; `end` is the offset after its last byte. */
  commit(end: number): void {
    this.#length = end;
    if (this.#flushTimer === undefined) this.#startFlushTimer();
  }

  /** Accepts one line, newline included. */
  write(line: string): void {
    const mostBytes = line.length * 3;
    if (mostBytes > slabBytes) {
      this.#writeLong(Buffer.from(line));
      return;
    }
    const offset = this.reserve(mostBytes);
    if (offset >= 0) this.commit(offset + this.buffer.write(line, offset));
  }

  /** Writes what is buffered as soon as the descriptor takes it, and retries a failed write at once. */
  flush(): void {
    this.#isFlushWanted = true;
    this.#writer.retryNow();
    this.#handOverWhenWanted();
  }

  /**
   * Blocks until everything is written, for at most `timeoutMs` if the reader stalls; call it when the process exits. It does not
   * wait for the disk (no fsync). What cannot be written is reported on standard error.
   * @returns the number of lost records
   */
  flushSync(timeoutMs = 500): number {
    if (this.#length > 0) this.#handOver();
    this.#writer.writeAllSync(timeoutMs);
    // A write in progress may still succeed, unless writes have been failing.
    const isFailing = this.#droppedBeforeFailure !== undefined;
    const lost = this.#writer.isWriting && !isFailing ? 0 : this.#writer.pendingLines;
    if (lost > 0) this.#complaints.lost(lost, this.#lastErrorCode);
    return lost;
  }

  /**
   * Like flushSync(), but what cannot be written is discarded, and counted as dropped. A process calls it before it reports its
   * counts for the last time.
   */
  giveUpSync(timeoutMs?: number): void {
    this.#droppedRecords += this.flushSync(timeoutMs);
    this.#reportedRecords = this.#droppedRecords;
    this.#writer.discard();
  }

  /**
   * Resolves when everything is written, when a write has failed, or after `timeoutMs`. Later records are still accepted, and
   * flushSync() writes them.
   */
  close(timeoutMs = 1000): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#settle = () => {
        clearTimeout(timer);
        resolve();
      };
      this.flush();
      if (this.pendingBytes === 0) this.#settle();
    });
    return this.#closing;
  }

  #reserveInNextSlab(bytes: number): number {
    if (bytes > slabBytes || !this.#hasRoomFor(slabBytes)) {
      this.#drop();
      return -1;
    }
    this.#handOver();
    return this.reserve(bytes);
  }

  #writeLong(line: Buffer): void {
    if (!this.#hasRoomFor(line.length + slabBytes)) {
      this.#drop();
      return;
    }
    if (this.#length > 0) this.#handOver();
    this.#writer.push(line, line.length);
  }

  #drop(): void {
    this.#droppedRecords++;
    if (this.#isOverflowTold || this.#droppedBeforeFailure !== undefined) return;
    this.#isOverflowTold = true;
    this.#complaints.overflowed();
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#writer.heldBytes + slabBytes + bytes <= this.#maxPendingBytes;
  }

  #handOver(): void {
    const full = this.buffer;
    const length = this.#length;
    this.buffer = this.#spares.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
    this.#length = 0;
    this.#isFlushWanted = false;
    this.#writer.push(full, length);
  }

  #startFlushTimer(): void {
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.#isFlushWanted = true;
      this.#handOverWhenWanted();
    }, flushAfterMs);
    this.#flushTimer.unref();
  }

  /** Keeps a slab that is not full while others wait, because otherwise a stalled reader would cost a slab for every line. */
  #handOverWhenWanted(): void {
    if (this.#isFlushWanted && this.#length > 0 && this.#writer.isEmpty) this.#handOver();
  }

  #onWritten(buffer: Buffer): void {
    if (buffer.length === slabBytes && this.#spares.length < mostSpares) this.#spares.push(buffer);
    this.#noteSuccess();
    this.#reportNewDrops();
    this.#handOverWhenWanted();
    if (this.pendingBytes === 0) this.#settle?.();
  }

  #onRefused(errorCode: string): void {
    this.#lastErrorCode = errorCode;
    if (errorCode === 'EAGAIN') return;
    this.#failedWrites++;
    this.#droppedBeforeFailure ??= this.#droppedRecords;
    this.#complaints.failed(errorCode);
    this.#settle?.();
  }

  #noteSuccess(): void {
    if (this.#droppedBeforeFailure === undefined) return;
    this.#complaints.succeeded(this.#droppedRecords - this.#droppedBeforeFailure);
    this.#droppedBeforeFailure = undefined;
  }

  #reportNewDrops(): void {
    this.#isOverflowTold = false;
    const records = this.#droppedRecords - this.#reportedRecords;
    if (records === 0) return;
    this.#reportedRecords = this.#droppedRecords;
    this.#reportDrops?.(records, this.#lastErrorCode);
  }
}
