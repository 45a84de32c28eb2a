// Spans on their way to the collector: a bounded queue, one batch under way at a time, and longer and longer pauses while the collector
// fails. What finds no room is dropped and counted. It lives in the process that exports spans.

import type { Span } from './span.ts';
import type { ExportResult, MakeExporter, SpanExporter } from './span-exporter.ts';

/** The same number as OpenTelemetry's BatchSpanProcessor is mostly set to, doubled: two spans are one call. */
export const MOST_SPANS = 4096;
/** As many as OpenTelemetry's BatchSpanProcessor takes at once. */
export const BATCH_SPANS = 512;
/** How long the first span of a batch waits for others. */
const DELAY_MS = 1000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** After so many temporary failures a batch is given up, since the collector may fail because of what is in it. */
const MOST_TRIES = 5;
/** Longer than the exporter takes unless the collector keeps it busy. Then the exporter is closed, and another one made. */
const OVERDUE_MS = 15_000;

/** Spans that are made when they are exported: until then, what they are made of takes a tenth of their memory. */
export interface PendingSpans {
  readonly count: number;
  /** @returns as many spans as `count`, and the same each time */
  make(): readonly Span[];
}

export interface SpanCounts {
  exported: number;
  /** The collector has refused their batch, or could not be reached in several tries. */
  failed: number;
  /** The collector has taken their batch without them. */
  rejected: number;
  /** There was no room in the queue, or no time left at the end. */
  dropped: number;
}

export interface SpanQueueParts {
  readonly makeExporter: MakeExporter;
  readonly counts: SpanCounts;
  /** The counts have changed. */
  readonly onCounted: () => void;
  /** A batch has failed. @param code as in ExportResult @param lost how many spans are given up with it: 0 if it is sent again */
  readonly onFailed: (code: string, lost: number) => void;
  /** A batch was exported after others have failed. */
  readonly onRecovered: () => void;
  /** The collector has taken a batch without these spans. */
  readonly onRejected: (spans: number) => void;
  /** Shorter times for tests. */
  readonly delayMs?: number;
  readonly firstPauseMs?: number;
  readonly overdueMs?: number;
}

export class SpanQueue {
  readonly #parts: SpanQueueParts;
  /** The oldest first. Those of the batch under way are still among them. */
  #pending: PendingSpans[] = [];
  /** The number of spans in it. */
  #count = 0;
  #exporter: SpanExporter | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #underWay: Promise<boolean> | undefined = undefined;
  /** How often the first batch has failed. */
  #tries = 0;
  /** How long the newest pause was. It is 0 while the collector takes what it is sent. */
  #pauseMs = 0;
  /** Whether the timer is that of a pause, which spans that are added do not shorten. */
  #isPausing = false;
  /** Takes no further spans. */
  #isClosed = false;
  /** What an export that is still under way comes to is of no matter: its spans are counted. */
  #isOver = false;

  constructor(parts: SpanQueueParts) {
    this.#parts = parts;
  }

  get length(): number {
    return this.#count;
  }

  /** Whether this number of spans finds room. If not, they are counted as dropped, and must not be added. */
  hasRoomFor(count: number): boolean {
    if (!this.#isClosed && this.#count + count <= MOST_SPANS) return true;
    this.#parts.counts.dropped += count;
    this.#parts.onCounted();
    return false;
  }

  add(spans: PendingSpans): void {
    this.#pending.push(spans);
    const before = this.#count;
    this.#count += spans.count;
    if (this.#underWay !== undefined || this.#isPausing) return;
    if (before < BATCH_SPANS && this.#count >= BATCH_SPANS) this.#exportIn(0);
    else if (this.#timer === undefined) this.#exportIn(this.#parts.delayMs ?? DELAY_MS);
  }

  #exportIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isPausing = false;
      if (this.#count > 0) void this.#exportBatch();
    }, delayMs);
    this.#timer.unref();
  }

  /** @returns whether the batch was exported. Never rejects */
  #exportBatch(): Promise<boolean> {
    this.#underWay ??= this.#tryBatch().finally(() => {
      this.#underWay = undefined;
      this.#goOn();
    });
    return this.#underWay;
  }

  #goOn(): void {
    if (this.#isClosed) return;
    if (this.#pauseMs > 0) {
      // Also with nothing left to send: the batch that failed may have been given up, and the next span must not go at once.
      this.#isPausing = true;
      this.#exportIn(this.#pauseMs);
    } else if (this.#count > 0)
      this.#exportIn(this.#count >= BATCH_SPANS ? 0 : (this.#parts.delayMs ?? DELAY_MS));
  }

  async #tryBatch(): Promise<boolean> {
    const batch = this.#firstBatch();
    const count = batch.reduce((sum, one) => sum + one.count, 0);
    if (count === 0) return true;
    const result = await this.#export(batch);
    if (this.#isOver) return false;
    const { counts, onFailed, onRecovered, onRejected, firstPauseMs = FIRST_PAUSE_MS } = this.#parts;
    if (result.kind === 'exported') {
      const rejected = Math.min(result.rejected, count);
      this.#remove(batch.length, count);
      counts.exported += count - rejected;
      counts.rejected += rejected;
      if (rejected > 0) onRejected(rejected);
      if (this.#pauseMs > 0) onRecovered();
      this.#pauseMs = 0;
      this.#parts.onCounted();
      return true;
    }
    // The pauses are those of this queue alone: that of gRPC's library before it dials again grows to two minutes.
    if (result.isTemporary) this.#closeExporter();
    this.#pauseMs = Math.min(Math.max(2 * this.#pauseMs, firstPauseMs), LONGEST_PAUSE_MS);
    const isGivenUp = !result.isTemporary || ++this.#tries >= MOST_TRIES;
    if (isGivenUp) {
      this.#remove(batch.length, count);
      counts.failed += count;
      this.#parts.onCounted();
    }
    onFailed(result.code, isGivenUp ? count : 0);
    return false;
  }

  #firstBatch(): readonly PendingSpans[] {
    let count = 0;
    let end = 0;
    while (end < this.#pending.length && count < BATCH_SPANS) count += this.#pending[end++].count;
    return this.#pending.slice(0, end);
  }

  #remove(entries: number, count: number): void {
    this.#tries = 0;
    this.#pending.splice(0, entries);
    this.#count -= count;
  }

  async #export(batch: readonly PendingSpans[]): Promise<ExportResult> {
    try {
      const exporter = (this.#exporter ??= this.#parts.makeExporter());
      return await this.#inTime(exporter.export(batch.flatMap((one) => one.make())));
    } catch {
      return { kind: 'failed', isTemporary: false, code: 'unusable' };
    }
  }

  async #inTime(exporting: Promise<ExportResult>): Promise<ExportResult> {
    const { promise: overdue, resolve } = Promise.withResolvers<ExportResult>();
    const timer = setTimeout(() => {
      this.#closeExporter();
      resolve({ kind: 'failed', isTemporary: true, code: 'timeout' });
    }, this.#parts.overdueMs ?? OVERDUE_MS);
    timer.unref();
    try {
      return await Promise.race([exporting, overdue]);
    } finally {
      clearTimeout(timer);
    }
  }

  #closeExporter(): void {
    this.#exporter?.close();
    this.#exporter = undefined;
  }

  /** Exports what is here, until a batch fails or the time is over, and closes the queue. Never rejects. */
  async close(mostMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const { promise: isOver, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, mostMs);
    await Promise.race([this.#exportAll(), isOver]);
    clearTimeout(timer);
    this.#isOver = true;
    this.#parts.counts.dropped += this.#count;
    if (this.#count > 0) this.#parts.onCounted();
    this.#pending = [];
    this.#count = 0;
    this.#closeExporter();
  }

  async #exportAll(): Promise<void> {
    let goesOn = true;
    while (goesOn && this.#count > 0) goesOn = await this.#exportBatch();
  }
}
