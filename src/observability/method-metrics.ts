// Counts gRPC calls by route, method and status (`metrics.methods`). A client chooses the method of a call, so only those are named that a
// route names, or that a service has answered with success. Their number is bounded, for each route and in all.

import type { ExchangeRecord, ExchangeSubject } from '../calls/exchange-record.ts';
import { type ExchangeObserver, ObserverSlot } from '../calls/observers.ts';
import { shownPath } from '../calls/shown-path.ts';
import { methodOfRoute, type RouteConfig } from '../config/route-config.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { textOfBytes } from './json-text.ts';
import { counterFamily, labelText, type MetricFamily, type MetricValue } from './metrics-snapshot.ts';

/** Of all routes. Methods that routes name do not count. */
export const MOST_METHODS = 1000;
/** So that a service which takes any method cannot use up the room of other routes. */
export const MOST_METHODS_OF_ROUTE = 200;
const LONGEST_METHOD = 200;
/** What services with success have a name that looks like this. */
const METHOD = /^(?:\/[\w.-]+)+$/;
const OTHER = 'other';
const STATUSES: readonly string[] = Object.keys(GrpcStatus);
const STATUS_INDEX: ReadonlyMap<string, number> = new Map(STATUSES.map((status, index) => [status, index]));

/** The counts of one method of a route, or of all its others. */
class MethodSeries {
  readonly #labels: string;
  readonly #statuses = new Float64Array(STATUSES.length);
  readonly isOther: boolean;

  constructor(route: string, method: string) {
    this.#labels = labelText({ route, method });
    this.isOther = method === OTHER;
  }

  /** A code that gRPC does not define counts as UNKNOWN, as clients treat it. */
  count(grpcStatus: string): void {
    this.#statuses[STATUS_INDEX.get(grpcStatus) ?? GrpcStatus.UNKNOWN]++;
  }

  get values(): readonly MetricValue[] {
    const values: MetricValue[] = [];
    for (const [index, value] of this.#statuses.entries())
      if (value > 0) values.push({ labels: `${this.#labels},code="${STATUSES[index]}"`, value });
    return values;
  }
}

interface RouteMethods {
  readonly series: Map<string, MethodSeries>;
  readonly other: MethodSeries;
  /** How many were learned from a success. */
  learned: number;
}

const SERIES = new ObserverSlot((value): value is MethodSeries => value instanceof MethodSeries);

export class MethodMetrics implements ExchangeObserver {
  readonly #routes = new Map<string, RouteMethods>();
  #learned = 0;

  /** Methods that these routes have as their paths are named from now on, also those of earlier configurations. */
  use(routes: readonly RouteConfig[]): void {
    for (const route of routes) {
      const { name } = route;
      const method = methodOfRoute(route);
      if (method === undefined) continue;
      const { series } = this.#methodsOf(name);
      if (!series.has(method)) series.set(method, new MethodSeries(name, method));
    }
  }

  onFinish({ subject, grpcStatus }: ExchangeRecord): void {
    if (grpcStatus === '') return;
    const known = SERIES.of(subject);
    // A method is looked for again while it has no name, since a success may give it one.
    const series = known?.isOther === false ? known : this.#seriesOf(subject, grpcStatus === 'OK');
    series.count(grpcStatus);
  }

  #seriesOf(subject: ExchangeSubject, hasSucceeded: boolean): MethodSeries {
    const methods = this.#methodsOf(subject.route);
    // A query is no part of the name, can hold a token, and would make a name of each value.
    const method = textOfBytes(shownPath(subject.method));
    const series =
      methods.series.get(method) ?? (hasSucceeded ? this.#learn(subject.route, methods, method) : undefined);
    if (series !== undefined) SERIES.keep(subject, series);
    return series ?? methods.other;
  }

  #learn(route: string, methods: RouteMethods, method: string): MethodSeries | undefined {
    const isFull = this.#learned >= MOST_METHODS || methods.learned >= MOST_METHODS_OF_ROUTE;
    if (isFull || method.length > LONGEST_METHOD || !METHOD.test(method)) return undefined;
    this.#learned++;
    methods.learned++;
    const series = new MethodSeries(route, method);
    methods.series.set(method, series);
    return series;
  }

  #methodsOf(route: string): RouteMethods {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    const made: RouteMethods = { series: new Map(), other: new MethodSeries(route, OTHER), learned: 0 };
    this.#routes.set(route, made);
    return made;
  }

  /** Nothing while nobody has asked for methods. */
  *families(): Iterable<MetricFamily> {
    if (this.#routes.size === 0) return;
    const values = Array.from(this.#routes.values(), ({ series, other }) =>
      [...series.values(), other].flatMap((one) => one.values),
    ).flat();
    yield counterFamily(
      'framegate_method_exchanges_total',
      'Finished gRPC exchanges by method and status, where metrics.methods asks for it; other for methods that are not known.',
      values,
    );
  }
}
