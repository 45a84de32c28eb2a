// Counts finished exchanges by listener, route, upstream and status. A call costs a few additions: its series is remembered with
// its subject, so counting creates no string and looks nothing up by a composed key.

import { CALL_OUTCOMES, outcomeOfAnswer, outcomeOfHttp, outcomeOfStatus } from '../calls/call-outcome.ts';
import type { ExchangeRecord, ExchangeSubject, ExchangeTraffic } from '../calls/exchange-record.ts';
import { type ExchangeObserver, ObserverSlot } from '../calls/observers.ts';
import { type ListenerCalls, mergeListenerCalls } from '../calls/socket-report.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { ROUTE_LAYOUT } from './figure-layouts.ts';
import type { FigureTable } from './figure-table.ts';
import { DurationHistogram, type Example } from './histogram.ts';
import {
  counterFamily,
  histogramFamily,
  labelText,
  type MetricBlock,
  type MetricFamily,
  type MetricValue,
} from './metrics-snapshot.ts';

/** The last label, '', is for exchanges that are not gRPC. */
const STATUS_LABELS: readonly string[] = [...Object.keys(GrpcStatus), ''];
const STATUS_INDEX: ReadonlyMap<string, number> = new Map(
  STATUS_LABELS.map((status, index) => [status, index]),
);

/** The columns of the outcomes, in the order of CALL_OUTCOMES. */
const OUTCOME_COLUMNS = CALL_OUTCOMES.map((outcome) => ROUTE_LAYOUT.at(outcome));
/** The indexes of the statuses of gRPC with each outcome. */
const STATUSES_BY_OUTCOME = CALL_OUTCOMES.map((outcome) =>
  STATUS_LABELS.flatMap((status, index) =>
    status !== '' && outcomeOfStatus(status) === outcome ? [index] : [],
  ),
);

type Labels = Pick<ExchangeSubject, 'listener' | 'route' | 'upstream'>;

const NO_ROUTE = { route: '', upstream: '' };

/** The counts of all exchanges of one listener, route and upstream. */
class Series {
  /** As text, since there may be thousands. */
  readonly #labels: string;
  /** The labels with each status. */
  readonly #statusLabels: (string | undefined)[] = [];
  readonly #statuses = new Float64Array(STATUS_LABELS.length);
  readonly #durations: DurationHistogram;
  readonly #firstMessages: DurationHistogram;
  /** By their outcome: what exchanges that are not gRPC add, and where the status of an exchange does not tell its outcome. */
  readonly #others = new Float64Array(CALL_OUTCOMES.length);
  #retries = 0;

  constructor({ listener, route, upstream }: Labels) {
    const labels = { listener, route, upstream };
    this.#labels = labelText(labels);
    this.#durations = new DurationHistogram(labels);
    this.#firstMessages = new DurationHistogram(labels);
  }

  count(record: ExchangeRecord): void {
    const { grpcStatus, durationMs, firstMessageMs, attempts, trace } = record;
    // A code that gRPC does not define counts as UNKNOWN, which is what gRPC clients make of it.
    this.#statuses[STATUS_INDEX.get(grpcStatus) ?? GrpcStatus.UNKNOWN]++;
    if (grpcStatus === '') this.#others[CALL_OUTCOMES.indexOf(outcomeOfHttp(record))]++;
    else if (record.isAnswer === true || record.isClientMistake === true) this.#countAnswer(grpcStatus);
    this.#durations.count(durationMs);
    if (firstMessageMs !== undefined) this.#firstMessages.count(firstMessageMs);
    if (attempts > 1) this.#retries += attempts - 1;
    if (trace !== undefined) this.#remember(record, trace);
  }

  #countAnswer(grpcStatus: string): void {
    this.#others[CALL_OUTCOMES.indexOf(outcomeOfStatus(grpcStatus))]--;
    this.#others[CALL_OUTCOMES.indexOf(outcomeOfAnswer(grpcStatus))]++;
  }

  #remember({ startedAtEpochMs, durationMs, firstMessageMs }: ExchangeRecord, trace: Example): void {
    const endedMs = startedAtEpochMs + durationMs;
    this.#durations.remember(durationMs, trace, endedMs);
    if (firstMessageMs !== undefined) this.#firstMessages.remember(firstMessageMs, trace, endedMs);
  }

  /** Adds the counts to the row of ROUTE_LAYOUT that begins there. */
  addTo(figures: Float64Array, begin: number): void {
    for (const [index, at] of OUTCOME_COLUMNS.entries()) {
      figures[begin + at] += this.#others[index];
      for (const status of STATUSES_BY_OUTCOME[index]) figures[begin + at] += this.#statuses[status];
    }
    figures[begin + ROUTE_LAYOUT.at('retries')] += this.#retries;
    this.#durations.addTo(figures, begin + ROUTE_LAYOUT.at('durations'));
    this.#firstMessages.addTo(figures, begin + ROUTE_LAYOUT.at('firstMessages'));
  }

  get totals(): readonly MetricValue[] {
    const totals: MetricValue[] = [];
    for (const [index, value] of this.#statuses.entries()) {
      if (value === 0) continue;
      this.#statusLabels[index] ??= `${this.#labels},grpc_status="${STATUS_LABELS[index]}"`;
      totals.push({ labels: this.#statusLabels[index], value });
    }
    return totals;
  }

  /** Of gRPC calls: how many ended with OK, and how many with another status. */
  get ends(): { readonly succeeded: number; readonly failed: number } {
    const succeeded = this.#statuses[GrpcStatus.OK];
    // The last one is for exchanges that are not gRPC.
    const all = this.#statuses.subarray(0, STATUS_LABELS.length - 1).reduce((sum, count) => sum + count, 0);
    return { succeeded, failed: all - succeeded };
  }

  get durations(): MetricBlock {
    return this.#durations.block;
  }

  get firstMessages(): MetricBlock {
    return this.#firstMessages.block;
  }

  get retries(): MetricValue {
    return { labels: this.#labels, value: this.#retries };
  }
}

const SERIES = new ObserverSlot((value): value is Series => value instanceof Series);

export class ExchangeMetrics implements ExchangeObserver {
  /** Keyed by listener, route and upstream. */
  readonly #series = new Map<string, Map<string, Map<string, Series>>>();
  #requestBytes = 0;
  #responseBytes = 0;
  #requestMessages = 0;
  #responseMessages = 0;

  onFinish(record: ExchangeRecord): void {
    this.#seriesFor(record).count(record);
    this.#requestBytes += record.requestBytes;
    this.#responseBytes += record.responseBytes;
    this.#requestMessages += record.requestMessages;
    this.#responseMessages += record.responseMessages;
  }

  /** No route has served a client that made a mistake, so that it must not count among the calls of one. */
  #seriesFor({ subject, isClientMistake }: ExchangeRecord): Series {
    if (isClientMistake === true) return this.#makeSeries({ ...NO_ROUTE, listener: subject.listener });
    return SERIES.of(subject) ?? this.#seriesOf(subject);
  }

  #seriesOf(subject: ExchangeSubject): Series {
    const { listener, route, upstream } = subject;
    const series = this.#series.get(listener)?.get(route)?.get(upstream) ?? this.#makeSeries(subject);
    SERIES.keep(subject, series);
    return series;
  }

  #makeSeries(subject: Labels): Series {
    const { listener, route, upstream } = subject;
    const ofListener = getOrMake(this.#series, listener, () => new Map<string, Map<string, Series>>());
    const ofRoute = getOrMake(ofListener, route, () => new Map<string, Series>());
    return getOrMake(ofRoute, upstream, () => new Series(subject));
  }

  /** What finished exchanges have carried. */
  get traffic(): ExchangeTraffic {
    return {
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      requestMessages: this.#requestMessages,
      responseMessages: this.#responseMessages,
    };
  }

  /** The finished exchanges of all routes, as a table of ROUTE_LAYOUT with one row. */
  get sum(): FigureTable {
    const values = new Float64Array(ROUTE_LAYOUT.width);
    for (const series of this.#allSeries()) series.addTo(values, 0);
    return { keys: [''], values };
  }

  /**
   * The finished exchanges, as a table of ROUTE_LAYOUT.
   * @param more other routes that shall have a row
   */
  byRoute(more: Iterable<string>): FigureTable {
    const rows = new Map<string, number>();
    for (const ofListener of this.#series.values())
      for (const route of ofListener.keys()) if (!rows.has(route)) rows.set(route, rows.size);
    for (const route of more) if (!rows.has(route)) rows.set(route, rows.size);
    const values = new Float64Array(rows.size * ROUTE_LAYOUT.width);
    for (const ofListener of this.#series.values())
      for (const [route, ofRoute] of ofListener)
        for (const series of ofRoute.values())
          series.addTo(values, (rows.get(route) ?? 0) * ROUTE_LAYOUT.width);
    return { keys: [...rows.keys()], values };
  }

  *#allSeries(): Iterable<Series> {
    for (const ofListener of this.#series.values())
      for (const ofRoute of ofListener.values()) yield* ofRoute.values();
  }

  /** The finished gRPC calls by listener. */
  get listenerCalls(): readonly ListenerCalls[] {
    return mergeListenerCalls(
      Array.from(this.#series, ([listener, routes]) =>
        [...routes.values()].flatMap((upstreams) =>
          Array.from(upstreams.values(), ({ ends }) => ({ listener, ...ends })),
        ),
      ),
    );
  }

  /** @param running what unfinished exchanges have carried so far, which the message and byte counters include */
  families(running: ExchangeTraffic): readonly MetricFamily[] {
    const series = [...this.#allSeries()];
    return [
      counterFamily(
        'framegate_exchanges_total',
        'Finished exchanges, by their gRPC status; an empty one for exchanges that are not gRPC.',
        series.flatMap(({ totals }) => totals),
      ),
      histogramFamily(
        'framegate_exchange_duration_seconds',
        'How long finished exchanges took, streams included.',
        series.map(({ durations }) => durations),
      ),
      histogramFamily(
        'framegate_exchange_first_message_seconds',
        'From the beginning of an exchange to the first byte of the first message, or of the body, of its response.',
        series.map(({ firstMessages }) => firstMessages),
      ),
      counterFamily(
        'framegate_messages_total',
        'gRPC messages, those of running exchanges included.',
        byDirection(
          this.#requestMessages + running.requestMessages,
          this.#responseMessages + running.responseMessages,
        ),
      ),
      counterFamily(
        'framegate_bytes_total',
        'Bytes of request and response bodies, those of running exchanges included.',
        byDirection(this.#requestBytes + running.requestBytes, this.#responseBytes + running.responseBytes),
      ),
      counterFamily(
        'framegate_retries_total',
        'Attempts beyond the first one of an exchange.',
        series.map(({ retries }) => retries),
      ),
    ];
  }
}

function byDirection(request: number, response: number): readonly MetricValue[] {
  return [
    { labels: { direction: 'request' }, value: request },
    { labels: { direction: 'response' }, value: response },
  ];
}

function getOrMake<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
