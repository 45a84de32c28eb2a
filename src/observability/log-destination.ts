// The one way into the process's log: pino's lines and the access log's records, in order and whole.
// Must never block the data path nor throw into it: while nothing can be written, a bounded amount is kept, what
// comes after is dropped record by record, and the count is reported once writing works again.

import { DescriptorWriter } from './descriptor-writer.ts';
import { LogComplaints } from './log-complaints.ts';

const slabBytes = 128 * 1024;
const flushAfterMs = 100;
/** Kept for reuse; what a burst needs beyond them is given back. */
const mostSpares = 4;

export interface LogDestinationOptions {
  /** 1 for stdout. It stays open: whoever opened it closes it, after close(). */
  readonly fd: number;
  /** Memory for what waits to be written; more is dropped. */
  readonly maxPendingBytes?: number;
  /** Several processes write to the same pipe: then lines up to 4 KiB stay whole, at a system call per 4 KiB. */
  readonly isShared?: boolean;
  /** Where it is said that the log cannot be written; standard error unless given. */
  readonly complaints?: LogComplaints;
}

/** Told how many records were dropped, when writing works again; may write to the log. */
export type DropReporter = (records: number, errorCode: string) => void;

export class LogDestination {
  /** Where a record goes after reserve(), which may put another buffer here. */
  buffer: Buffer = Buffer.allocUnsafeSlow(slabBytes);
  /** Octets of `buffer` that hold records. */
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
  /** Of records that were dropped, when writes began to fail; undefined while they do not. */
  #droppedBeforeFailure: number | undefined = undefined;
  readonly #complaints: LogComplaints;
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

  /** Records lost since the start. */
  get droppedRecords(): number {
    return this.#droppedRecords;
  }

  /** Writes since the start that failed; not those that a slow reader held up. */
  get failedWrites(): number {
    return this.#failedWrites;
  }

  /** Octets taken and not written yet. */
  get pendingBytes(): number {
    return this.#length + this.#writer.pendingBytes;
  }

  reportDropsTo(reporter: DropReporter): void {
    this.#reportDrops = reporter;
  }

  /**
   * Makes room for one record of at most `bytes` octets, and returns the offset in `buffer` at which to write it, to
   * be followed by commit() before anything else. -1 when the record is dropped, which is counted here.
   */
  reserve(bytes: number): number {
    return this.#length + bytes <= slabBytes ? this.#length : this.#reserveInNextSlab(bytes);
  }

  /** Takes the record written since reserve(), newline included; `end` is the offset after its last octet. */
  commit(end: number): void {
    this.#length = end;
    if (this.#flushTimer === undefined) this.#startFlushTimer();
  }

  /** Takes one line, newline included. */
  write(line: string): void {
    const mostBytes = line.length * 3;
    if (mostBytes > slabBytes) {
      this.#writeLong(Buffer.from(line));
      return;
    }
    const offset = this.reserve(mostBytes);
    if (offset >= 0) this.commit(offset + this.buffer.write(line, offset));
  }

  /** Writes what is here as soon as the descriptor takes it, and tries at once where it refused before. */
  flush(): void {
    this.#isFlushWanted = true;
    this.#writer.retryNow();
    this.#handOverWhenWanted();
  }

  /**
   * For the exit of the process: blocks until everything is written, but for `timeoutMs` at most where the reader
   * stalls. Does not wait for the disk (no fsync). What cannot be written is told on standard error.
   * @returns how many records are lost
   */
  flushSync(timeoutMs = 500): number {
    if (this.#length > 0) this.#handOver();
    this.#writer.writeAllSync(timeoutMs);
    // A write that is under way may still succeed, but hardly where the last one failed.
    const isFailing = this.#droppedBeforeFailure !== undefined;
    const lost = this.#writer.isWriting && !isFailing ? 0 : this.#writer.pendingLines;
    if (lost > 0) this.#complaints.lost(lost, this.#lastErrorCode);
    return lost;
  }

  /**
   * Resolves when everything is written, or when it is clear that it cannot be. What is written to the log later is
   * still taken, and is for flushSync() to bring out.
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
      this.#droppedRecords += 1;
      return -1;
    }
    this.#handOver();
    return this.reserve(bytes);
  }

  #writeLong(line: Buffer): void {
    if (!this.#hasRoomFor(line.length + slabBytes)) {
      this.#droppedRecords += 1;
      return;
    }
    if (this.#length > 0) this.#handOver();
    this.#writer.push(line, line.length);
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

  /** A slab that is not full waits while others do, or else a stalled reader would cost a slab for every line. */
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
    const records = this.#droppedRecords - this.#reportedRecords;
    if (records === 0) return;
    this.#reportedRecords = this.#droppedRecords;
    this.#reportDrops?.(records, this.#lastErrorCode);
  }
}
