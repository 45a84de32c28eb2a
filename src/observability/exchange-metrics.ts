// Counts finished exchanges by listener, route, upstream and status. A call costs a few additions: its series is remembered with
// its subject, so counting creates no string and looks nothing up by a composed key.

import type { ExchangeRecord, ExchangeSubject, ExchangeTraffic } from '../calls/exchange-record.ts';
import { type ExchangeObserver, ObserverSlot } from '../calls/observers.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { counterFamily, histogramFamily, type MetricFamily, type MetricValue } from './metrics-snapshot.ts';

/** The buckets suit both short calls and streams that last for hours. */
const DURATION_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28_800,
];
const BUCKETS_MS = Float64Array.from(DURATION_BUCKETS_SECONDS, (seconds) => seconds * 1000);

/** The last label, '', is for exchanges that are not gRPC. */
const STATUS_LABELS: readonly string[] = [...Object.keys(GrpcStatus), ''];
const STATUS_INDEX: ReadonlyMap<string, number> = new Map(
  STATUS_LABELS.map((status, index) => [status, index]),
);

/** The counts of all exchanges of one listener, route and upstream. */
class Series {
  readonly #labels: Readonly<Record<'listener' | 'route' | 'upstream', string>>;
  readonly #statuses = new Float64Array(STATUS_LABELS.length);
  /** The number of exchanges in each bucket, not cumulative. The last bucket has no upper bound. */
  readonly #buckets = new Float64Array(BUCKETS_MS.length + 1);
  #sumMs = 0;

  constructor({ listener, route, upstream }: ExchangeSubject) {
    this.#labels = { listener, route, upstream };
  }

  count(grpcStatus: string, durationMs: number): void {
    // A code that gRPC does not define counts as UNKNOWN, which is what gRPC clients make of it.
    this.#statuses[STATUS_INDEX.get(grpcStatus) ?? GrpcStatus.UNKNOWN]++;
    let bucket = 0;
    while (bucket < BUCKETS_MS.length && durationMs > BUCKETS_MS[bucket]) bucket++;
    this.#buckets[bucket]++;
    this.#sumMs += durationMs;
  }

  get totals(): readonly MetricValue[] {
    return STATUS_LABELS.map((status, index) => ({
      labels: { ...this.#labels, grpc_status: status },
      value: this.#statuses[index],
    })).filter(({ value }) => value > 0);
  }

  get durations(): readonly MetricValue[] {
    let count = 0;
    const buckets = Array.from(this.#buckets, (value, index) => {
      count += value;
      const le = index < BUCKETS_MS.length ? DURATION_BUCKETS_SECONDS[index] : '+Inf';
      return { suffix: '_bucket', labels: { le, ...this.#labels }, value: count };
    });
    return [
      ...buckets,
      { suffix: '_sum', labels: this.#labels, value: this.#sumMs / 1000 },
      { suffix: '_count', labels: this.#labels, value: count },
    ];
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
  #retries = 0;

  onFinish(record: ExchangeRecord): void {
    const { subject } = record;
    const series = SERIES.of(subject) ?? this.#seriesOf(subject);
    series.count(record.grpcStatus, record.durationMs);
    this.#requestBytes += record.requestBytes;
    this.#responseBytes += record.responseBytes;
    this.#requestMessages += record.requestMessages;
    this.#responseMessages += record.responseMessages;
    if (record.attempts > 1) this.#retries += record.attempts - 1;
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
      counterFamily('framegate_retries_total', 'Attempts beyond the first one of an exchange.', [
        { labels: {}, value: this.#retries },
      ]),
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
