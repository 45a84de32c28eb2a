// Reports on a sampled call that goes on: its opening, once it has proved long, and from then on what it has carried in each interval. Its
// own span comes only with its end, which may be days away.

import type { CallTrace } from '../calls/call-trace.ts';
import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import type { StartedExchange } from '../calls/observers.ts';
import { shownPath } from '../calls/shown-path.ts';
import type { DeadlineWheel, Timed } from '../transport/deadline-wheel.ts';
import { epochMsOf } from '../transport/turn-clock.ts';
import type { Span, SpanAttributes } from './span.ts';

/** A call that is over before this gets no span for its opening, which would say what the call's own span says. */
const LONG_MS = 10_000;

export interface ReportTerms {
  readonly wheel: DeadlineWheel;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** How often to report, now. Undefined means no further reports. */
  readonly intervalMs: () => number | undefined;
  readonly send: (span: Span) => void;
}

export class StreamReports implements Timed {
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;
  readonly #exchange: StartedExchange;
  readonly #trace: CallTrace;
  readonly #terms: ReportTerms;
  #lastMs: number;
  #last: ExchangeTraffic | undefined = undefined;

  constructor(exchange: StartedExchange, trace: CallTrace, terms: ReportTerms) {
    this.#exchange = exchange;
    this.#trace = trace;
    this.#terms = terms;
    this.#lastMs = terms.now();
    const intervalMs = terms.intervalMs();
    if (intervalMs !== undefined) terms.wheel.set(this, Math.min(LONG_MS, intervalMs));
  }

  close(): void {
    this.#terms.wheel.clear(this);
  }

  onTimer(): void {
    const { wheel, now, send } = this.#terms;
    const intervalMs = this.#terms.intervalMs();
    if (intervalMs === undefined) return;
    const nowMs = now();
    if (this.#last === undefined) {
      send(this.#span('open', this.#lastMs, this.#lastMs, {}));
      this.#last = NOTHING;
      const restMs = this.#lastMs + intervalMs - nowMs;
      // A tick may be late by as much as the interval has left.
      if (restMs > 0) {
        wheel.set(this, restMs);
        return;
      }
    }
    this.#report(nowMs);
    wheel.set(this, intervalMs);
  }

  #report(nowMs: number): void {
    const { requestMessages, responseMessages, requestBytes, responseBytes } = this.#exchange.traffic;
    const last = this.#last ?? NOTHING;
    const attributes = {
      'framegate.request.messages': requestMessages - last.requestMessages,
      'framegate.response.messages': responseMessages - last.responseMessages,
      'framegate.request.bytes': requestBytes - last.requestBytes,
      'framegate.response.bytes': responseBytes - last.responseBytes,
      'framegate.request.messages_so_far': requestMessages,
      'framegate.response.messages_so_far': responseMessages,
    };
    this.#terms.send(this.#span('interval', this.#lastMs, nowMs, attributes));
    this.#last = { requestMessages, responseMessages, requestBytes, responseBytes };
    this.#lastMs = nowMs;
  }

  #span(name: string, startMs: number, endMs: number, counts: SpanAttributes): Span {
    const { subject } = this.#exchange;
    const trace = this.#trace;
    return {
      traceId: trace.traceId,
      spanId: trace.newSpanId(),
      parentId: trace.spanId,
      hasRemoteParent: false,
      state: trace.state,
      kind: 'internal',
      name,
      startEpochMs: epochMsOf(startMs),
      endEpochMs: epochMsOf(endMs),
      attributes: {
        'framegate.path': shownPath(subject.method).slice(0, 256),
        'framegate.client': subject.client,
        'framegate.listener': subject.listener,
        'framegate.route': subject.route,
        'framegate.upstream': subject.upstream,
        'framegate.endpoint': trace.latestEndpoint,
        ...counts,
      },
      events: [],
      error: undefined,
    };
  }
}

const NOTHING: ExchangeTraffic = {
  requestBytes: 0,
  responseBytes: 0,
  requestMessages: 0,
  responseMessages: 0,
};
