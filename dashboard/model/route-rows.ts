// The routes as they are shown: counters have become rates, and histograms percentiles.

import type { DashboardFigures, RouteFigures } from '../../src/admin/dashboard-figures.ts';
import { countsBetween, percentileOf } from './histogram.ts';
import { LATENCY_MS, type ProxyModel, RATE_MS, routesByName } from './proxy-model.ts';

export interface RouteRow {
  /** '' for calls that no route matches. */
  readonly route: string;
  readonly upstreams: string;
  readonly perSecond: number;
  readonly inFlight: number;
  readonly failedPerSecond: number;
  /** The part of the calls that ended in failure, of those that ended; undefined if none ended. */
  readonly failedShare: number | undefined;
  readonly retriesPerSecond: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly firstMessageP99Ms: number | undefined;
}

export function routeRows(model: ProxyModel): readonly RouteRow[] {
  const { figures, opening } = model;
  if (figures === undefined || opening === undefined) return [];
  const recent = model.before(RATE_MS);
  const before = routesByName(recent?.figures);
  const minuteAgo = routesByName(model.before(LATENCY_MS)?.figures);
  const seconds = secondsBetween(recent?.figures, figures);
  const { bucketBoundsMs } = opening;
  return figures.routes.map((route) =>
    rowOf(route, {
      before: before.get(route.route),
      minuteAgo: minuteAgo.get(route.route),
      seconds,
      bucketBoundsMs,
    }),
  );
}

interface Earlier {
  readonly before: RouteFigures | undefined;
  readonly minuteAgo: RouteFigures | undefined;
  readonly seconds: number;
  readonly bucketBoundsMs: readonly number[];
}

function rowOf(route: RouteFigures, { before, minuteAgo, seconds, bucketBoundsMs }: Earlier): RouteRow {
  // A route that was not there before has had all of its calls since.
  const added = (name: 'started' | 'failed' | 'ok' | 'cancelled' | 'clientFault' | 'retries') =>
    Math.max(0, route[name] - (before?.[name] ?? 0));
  const rate = (name: 'started' | 'failed' | 'retries') => (seconds > 0 ? added(name) / seconds : 0);
  const ended = added('ok') + added('cancelled') + added('clientFault') + added('failed');
  const durations = countsBetween(minuteAgo?.durations, route.durations);
  const firstMessages = countsBetween(minuteAgo?.firstMessages, route.firstMessages);
  return {
    route: route.route,
    upstreams: route.upstreams.join(', '),
    perSecond: rate('started'),
    inFlight: route.inFlight,
    failedPerSecond: rate('failed'),
    failedShare: ended === 0 ? undefined : added('failed') / ended,
    retriesPerSecond: rate('retries'),
    p50Ms: percentileOf(durations, bucketBoundsMs, 0.5),
    p99Ms: percentileOf(durations, bucketBoundsMs, 0.99),
    firstMessageP99Ms: percentileOf(firstMessages, bucketBoundsMs, 0.99),
  };
}

function secondsBetween(before: DashboardFigures | undefined, after: DashboardFigures): number {
  return before === undefined ? 0 : (after.totals.atEpochMs - before.totals.atEpochMs) / 1000;
}

export type RouteOrder = { readonly by: keyof RouteRow; readonly isDescending: boolean };

/** Rows without a figure come last, whichever way. @returns a new array; equal rows keep their order */
export function inOrder<Row>(rows: readonly Row[], by: keyof Row, isDescending: boolean): readonly Row[] {
  return rows.toSorted((one, other) => {
    const [a, b] = [one[by], other[by]];
    if (a === b) return 0;
    if (a === undefined || a === null) return 1;
    if (b === undefined || b === null) return -1;
    return (a < b ? -1 : 1) * (isDescending ? -1 : 1);
  });
}
