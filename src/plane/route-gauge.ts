// How many calls of each route run now. Calls of routes that a reload has removed are counted as long as they run.

import type { RouteConfig } from '../config/route-config.ts';
import { gaugeFamily, type MetricFamily, type MetricValue } from '../observability/metrics-snapshot.ts';

/** A call, as far as it is counted. */
export interface RoutedCall {
  /** `route` is '' if none matches; `upstream` is '' as well if the route answers the call itself. */
  readonly subject: { readonly route: string; readonly upstream: string };
}

/** @param routes those of the configuration, which have a value even if none of their calls runs */
export function routeCallsFamily(
  running: readonly RoutedCall[],
  routes: readonly RouteConfig[],
): MetricFamily {
  const counts = new Map<string, Map<string, number>>();
  for (const { name, upstream, split } of routes)
    for (const target of split?.map((part) => part.upstream) ?? [upstream ?? ''])
      add(counts, name, target, 0);
  for (const { subject } of running) add(counts, subject.route, subject.upstream, 1);
  const values = Array.from(counts, ([route, ofRoute]) =>
    Array.from(ofRoute, ([upstream, value]): MetricValue => ({ labels: { route, upstream }, value })),
  );
  return gaugeFamily(
    'framegate_route_active_calls',
    'Exchanges that have begun and are not finished, by their route.',
    values.flat(),
  );
}

function add(counts: Map<string, Map<string, number>>, route: string, upstream: string, calls: number): void {
  const ofRoute = counts.get(route) ?? new Map<string, number>();
  counts.set(route, ofRoute.set(upstream, (ofRoute.get(upstream) ?? 0) + calls));
}
