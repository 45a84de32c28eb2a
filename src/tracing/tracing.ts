// Observes the calls of a process and writes down those that are sampled or have failed, for the process that exports spans. Without
// `trace` in the configuration it observes nothing.

import { isDeepStrictEqual } from 'node:util';
import type { CallTrace } from '../calls/call-trace.ts';
import type { ExchangeRecord } from '../calls/exchange-record.ts';
import type { ExchangeObserver, StartedExchange } from '../calls/observers.ts';
import { type Change, NO_CHANGE } from '../config/change.ts';
import type { TraceConfig } from '../config/trace-config.ts';
import { DeadlineWheel } from '../transport/deadline-wheel.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { hasFailed, lineOfCall, spanCount } from './finished-call.ts';
import { type DeliverSpans, lineOfSpan } from './span-lines.ts';
import { SpanOutbox } from './span-outbox.ts';
import { type ReportTerms, StreamReports } from './stream-reports.ts';

/** Failing costs a client little, and may not cost the proxy and the collector much more. */
const MOST_FAILED_IN_A_SECOND = 100;
const SECOND_MS = 1000;

/** For tests. */
export interface TracingParts {
  readonly now?: () => number;
  readonly delayMs?: number;
}

export class Tracing implements ExchangeObserver {
  readonly #now: () => number;
  readonly #terms: ReportTerms;
  readonly #outbox: SpanOutbox;
  #config: TraceConfig | undefined = undefined;
  #secondBeganMs = 0;
  #failedInSecond = 0;

  constructor({ now = turnNowMs, delayMs }: TracingParts = {}) {
    this.#now = now;
    this.#outbox = new SpanOutbox(delayMs);
    this.#terms = {
      wheel: new DeadlineWheel(now),
      now,
      intervalMs: () => this.#config?.intervalMs,
      send: (span) => {
        if (this.#outbox.hasRoomFor(1)) this.#outbox.add(lineOfSpan(span), 1);
      },
    };
  }

  /** Whether calls are traced, so that this observer is needed. */
  get isOn(): boolean {
    return this.#config !== undefined;
  }

  /** The wheel of its reports, for tests with a clock of their own. */
  get wheel(): DeadlineWheel {
    return this.#terms.wheel;
  }

  /** From now on spans go there. */
  deliverTo(deliver: DeliverSpans): void {
    this.#outbox.deliver = deliver;
  }

  prepare(config: TraceConfig | undefined): Change {
    if (isDeepStrictEqual(config, this.#config)) return NO_CHANGE;
    return {
      commit: () => {
        this.#config = config;
      },
      discard: () => undefined,
    };
  }

  onStart(exchange: StartedExchange): void {
    const { trace } = exchange;
    if (trace?.isSampled !== true || this.#config?.intervalMs === undefined) return;
    trace.watch = new StreamReports(exchange, trace, this.#terms);
  }

  onFinish(record: ExchangeRecord): void {
    const { trace } = record;
    if (trace === undefined) return;
    if (trace.isSampled || this.#isWanted(record, trace)) this.#export(record, trace);
  }

  #export(record: ExchangeRecord, trace: CallTrace): void {
    if (this.#config === undefined) return;
    const count = spanCount(trace);
    // Before the line is written: while the exporter is away, this is all that a call costs.
    if (this.#outbox.hasRoomFor(count)) this.#outbox.add(lineOfCall(record, trace), count);
  }

  /** Whether a call that is not sampled is exported because it has failed. */
  #isWanted(record: ExchangeRecord, trace: CallTrace): boolean {
    if (this.#config?.onError !== true) return false;
    if (!hasFailed(record, trace.kind.isGrpc)) return false;
    const nowMs = this.#now();
    if (nowMs - this.#secondBeganMs >= SECOND_MS) {
      this.#secondBeganMs = nowMs;
      this.#failedInSecond = 0;
    }
    if (++this.#failedInSecond <= MOST_FAILED_IN_A_SECOND) return true;
    this.#outbox.limit(spanCount(trace));
    return false;
  }

  /** Sends what is left. */
  close(): void {
    this.#outbox.flush();
    this.#config = undefined;
  }
}
