// Observes the calls of a process and exports the spans of those that are sampled or have failed. Without `trace` in the configuration it
// observes nothing and loads nothing.

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { CallTrace } from '../calls/call-trace.ts';
import type { ExchangeRecord } from '../calls/exchange-record.ts';
import type { ExchangeObserver, StartedExchange } from '../calls/observers.ts';
import { type Change, NO_CHANGE } from '../config/change.ts';
import type { TraceConfig } from '../config/trace-config.ts';
import { findingOf, UnusableConfig } from '../config/unusable-config.ts';
import { DeadlineWheel } from '../transport/deadline-wheel.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { hasFailed, keptRecord, spanCount, spansOf } from './call-spans.ts';
import { loadExporter, type MakeExporter } from './load-exporter.ts';
import type { Span } from './span.ts';
import { type SpanCounts, SpanQueue } from './span-queue.ts';
import { type ReportTerms, StreamReports } from './stream-reports.ts';

/** How long the exporter of an earlier configuration, and that of a stopping process, may take for what is left. */
const CLOSE_MS = 3000;
/** Failing costs a client little, and may not cost the proxy and the collector much more. */
const MOST_FAILED_IN_A_SECOND = 100;
const SECOND_MS = 1000;

export interface TraceCounts extends SpanCounts {
  /** Of failed calls that were not sampled, beyond what a second may have. */
  limited: number;
}

export interface TracingParts {
  readonly version: string;
  /** Spans cannot be exported. @param code as in ExportResult */
  readonly onFailed: (exporter: string, code: string) => void;
  /** Spans can be exported again. */
  readonly onRecovered: (exporter: string) => void;
  /** For tests. */
  readonly now?: () => number;
  readonly load?: typeof loadExporter;
}

interface Current {
  readonly config: TraceConfig;
  readonly queue: SpanQueue;
}

export class Tracing implements ExchangeObserver {
  readonly counts: TraceCounts = { exported: 0, failed: 0, dropped: 0, limited: 0 };
  readonly #parts: TracingParts;
  readonly #now: () => number;
  readonly #instance = randomUUID();
  readonly #terms: ReportTerms;
  #current: Current | undefined = undefined;
  #secondBeganMs = 0;
  #failedInSecond = 0;

  constructor(parts: TracingParts) {
    this.#parts = parts;
    this.#now = parts.now ?? turnNowMs;
    this.#terms = {
      wheel: new DeadlineWheel(this.#now),
      now: this.#now,
      intervalMs: () => this.#current?.config.intervalMs,
      send: (span) => this.#send(span),
    };
  }

  /** Whether calls are traced, so that this observer is needed. */
  get isOn(): boolean {
    return this.#current !== undefined;
  }

  /** The wheel of its reports, for tests with a clock of their own. */
  get wheel(): DeadlineWheel {
    return this.#terms.wheel;
  }

  /** Loads the packages that the configuration needs. Rejects with UnusableConfig if they cannot be loaded. */
  async prepare(config: TraceConfig | undefined): Promise<Change> {
    if (isDeepStrictEqual(config, this.#current?.config)) return NO_CHANGE;
    const next = config && { config, queue: this.#queueFor(config, await this.#load(config)) };
    return {
      commit: () => {
        const before = this.#current;
        this.#current = next;
        void before?.queue.close(CLOSE_MS);
      },
      discard: () => next?.queue.close(0),
    };
  }

  async #load(config: TraceConfig): Promise<MakeExporter> {
    const { version, load = loadExporter } = this.#parts;
    try {
      return await load(config, { version, instance: this.#instance });
    } catch (error) {
      throw new UnusableConfig([findingOf(['trace'], error)]);
    }
  }

  #queueFor({ exporter: { url } }: TraceConfig, makeExporter: MakeExporter): SpanQueue {
    const { onFailed, onRecovered } = this.#parts;
    return new SpanQueue({
      makeExporter,
      counts: this.counts,
      onFailed: (code) => onFailed(url, code),
      onRecovered: () => onRecovered(url),
    });
  }

  onStart(exchange: StartedExchange): void {
    const { trace } = exchange;
    if (trace?.isSampled !== true || this.#current?.config.intervalMs === undefined) return;
    trace.watch = new StreamReports(exchange, trace, this.#terms);
  }

  onFinish(record: ExchangeRecord): void {
    const { trace } = record;
    if (trace === undefined) return;
    trace.watch?.close();
    if (trace.isSampled || this.#isWanted(record, trace)) this.#export(record, trace);
  }

  #export(record: ExchangeRecord, trace: CallTrace): void {
    const queue = this.#current?.queue;
    // Before any span is made: while the collector is away, this is all that a call costs.
    const count = spanCount(trace);
    if (queue === undefined || !queue.hasRoomFor(count)) return;
    const kept = keptRecord(record);
    queue.add({ count, make: () => spansOf(kept, trace) });
  }

  #send(span: Span): void {
    const queue = this.#current?.queue;
    if (queue?.hasRoomFor(1) === true) queue.add({ count: 1, make: () => [span] });
  }

  /** Whether a call that is not sampled is exported because it has failed. */
  #isWanted(record: ExchangeRecord, trace: CallTrace): boolean {
    if (this.#current?.config.onError !== true || !hasFailed(record)) return false;
    const nowMs = this.#now();
    if (nowMs - this.#secondBeganMs >= SECOND_MS) {
      this.#secondBeganMs = nowMs;
      this.#failedInSecond = 0;
    }
    if (++this.#failedInSecond <= MOST_FAILED_IN_A_SECOND) return true;
    this.counts.limited += spanCount(trace);
    return false;
  }

  /** Exports what is left, for some seconds at most. */
  async close(): Promise<void> {
    const queue = this.#current?.queue;
    this.#current = undefined;
    await queue?.close(CLOSE_MS);
  }
}
