// Counts finished exchanges by listener, route, upstream and status. A call costs a few additions: its series is remembered with
// its subject, so counting creates no string and looks nothing up by a composed key.

import type { ExchangeRecord, ExchangeSubject, ExchangeTraffic } from '../calls/exchange-record.ts';
import { type ExchangeObserver, ObserverSlot } from '../calls/observers.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { DurationHistogram } from './histogram.ts';
import { counterFamily, histogramFamily, type MetricFamily, type MetricValue } from './metrics-snapshot.ts';

/** The last label, '', is for exchanges that are not gRPC. */
const STATUS_LABELS: readonly string[] = [...Object.keys(GrpcStatus), ''];
const STATUS_INDEX: ReadonlyMap<string, number> = new Map(
  STATUS_LABELS.map((status, index) => [status, index]),
);

/** The counts of all exchanges of one listener, route and upstream. */
class Series {
  readonly #labels: Readonly<Record<'listener' | 'route' | 'upstream', string>>;
  readonly #statuses = new Float64Array(STATUS_LABELS.length);
  readonly #durations = new DurationHistogram();
  readonly #firstMessages = new DurationHistogram();
  #retries = 0;

  constructor({ listener, route, upstream }: ExchangeSubject) {
    this.#labels = { listener, route, upstream };
  }

  count({ grpcStatus, durationMs, firstMessageMs, attempts }: ExchangeRecord): void {
    // A code that gRPC does not define counts as UNKNOWN, which is what gRPC clients make of it.
    this.#statuses[STATUS_INDEX.get(grpcStatus) ?? GrpcStatus.UNKNOWN]++;
    this.#durations.count(durationMs);
    if (firstMessageMs !== undefined) this.#firstMessages.count(firstMessageMs);
    if (attempts > 1) this.#retries += attempts - 1;
  }

  get totals(): readonly MetricValue[] {
    return STATUS_LABELS.map((status, index) => ({
      labels: { ...this.#labels, grpc_status: status },
      value: this.#statuses[index],
    })).filter(({ value }) => value > 0);
  }

  get durations(): readonly MetricValue[] {
    return this.#durations.values(this.#labels);
  }

  get firstMessages(): readonly MetricValue[] {
    return this.#firstMessages.values(this.#labels);
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
    const { subject } = record;
    const series = SERIES.of(subject) ?? this.#seriesOf(subject);
    series.count(record);
    this.#requestBytes += record.requestBytes;
    this.#responseBytes += record.responseBytes;
    this.#requestMessages += record.requestMessages;
    this.#responseMessages += record.responseMessages;
  }

  #seriesOf(subject: ExchangeSubject): Series {
    const { listener, route, upstream } = subject;
    const series = this.#series.get(listener)?.get(route)?.get(upstream) ?? this.#makeSeries(subject);
    SERIES.keep(subject, series);
    return series;
  }

  #makeSeries(subject: ExchangeSubject): Series {
    const { listener, route, upstream } = subject;
    const ofListener = getOrMake(this.#series, listener, () => new Map<string, Map<string, Series>>());
    const ofRoute = getOrMake(ofListener, route, () => new Map<string, Series>());
    return getOrMake(ofRoute, upstream, () => new Series(subject));
  }

  /** @param running what unfinished exchanges have carried so far, which the message and byte counters include */
  families(running: ExchangeTraffic): readonly MetricFamily[] {
    const series = [...this.#series.values()]
      .flatMap((ofListener) => [...ofListener.values()])
      .flatMap((ofRoute) => [...ofRoute.values()]);
    return [
      counterFamily(
        'framegate_exchanges_total',
        'Finished exchanges, by their gRPC status; an empty one for exchanges that are not gRPC.',
        series.flatMap(({ totals }) => totals),
      ),
      histogramFamily(
        'framegate_exchange_duration_seconds',
        'How long finished exchanges took, streams included.',
        series.flatMap(({ durations }) => durations),
      ),
      histogramFamily(
        'framegate_exchange_first_message_seconds',
        'From the beginning of an exchange to the first byte of the first message, or of the body, of its response.',
        series.flatMap(({ firstMessages }) => firstMessages),
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
