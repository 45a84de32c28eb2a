// The metrics of endpoints and their connections. Upstreams that a reload has replaced stay visible while they have calls or
// connections.

import type { MetricFamily, MetricValue } from '../observability/metrics-snapshot.ts';
import { counterFamily, gaugeFamily } from '../observability/metrics-snapshot.ts';
import type { Endpoint } from '../upstreams/endpoint.ts';
import type { BuiltUpstream, ProxySnapshot } from './build-snapshot.ts';

export class UpstreamGauges {
  /** Replaced upstreams and their names. */
  readonly #retired = new Map<BuiltUpstream, string>();

  replaced(before: ProxySnapshot, now: ProxySnapshot): void {
    this.#forgetUnconnected();
    for (const [name, upstream] of before.built) {
      if (now.built.get(name) !== upstream) this.#retired.set(upstream, name);
    }
  }

  families({ built, config }: ProxySnapshot): readonly MetricFamily[] {
    this.#forgetUnconnected();
    const weighed = new Set(
      config.upstreams.filter(({ weights }) => weights !== undefined).map(({ name }) => name),
    );
    const current = [...built];
    const all = [...current, ...Array.from(this.#retired, ([upstream, name]) => [name, upstream] as const)];
    return [
      gaugeFamily(
        'framegate_upstream_connections',
        'Connections to endpoints: connecting, ready and draining ones of HTTP/2, busy and idle ones of HTTP/1.1.',
        summedUp(all.flatMap(([name, upstream]) => connectionValues(name, upstream))),
      ),
      gaugeFamily(
        'framegate_endpoint_healthy',
        '0 from the failure of the last connection to an endpoint until one succeeds, while it owes an answer, and while it is kept out; 1 otherwise.',
        current.flatMap(([upstream, one]) =>
          one.upstream.endpoints.map(({ address, isHealthy }) => ({
            labels: { upstream, endpoint: address.text },
            value: Number(isHealthy),
          })),
        ),
        'min',
      ),
      gaugeFamily(
        'framegate_endpoint_weight',
        'The weight of an endpoint where weights come from load reports: its share of the calls beside the other endpoints.',
        current
          .filter(([upstream]) => weighed.has(upstream))
          .flatMap(([upstream, one]) =>
            one.upstream.endpoints.map(({ address, weight }) => ({
              labels: { upstream, endpoint: address.text },
              value: weight,
            })),
          ),
        'max',
      ),
      gaugeFamily(
        'framegate_upstream_healthy_endpoints',
        'How many endpoints of an upstream are healthy, of the process that has the fewest.',
        current.map(([name, { upstream }]) => ({
          labels: { upstream: name },
          value: upstream.endpoints.filter(({ isHealthy }) => isHealthy).length,
        })),
        'min',
      ),
      gaugeFamily(
        'framegate_upstream_panic',
        '1 while too few endpoints of an upstream can be used, so that those that are kept out get calls as well.',
        current.map(([name, { upstream }]) => ({
          labels: { upstream: name },
          value: Number(upstream.panics.length > 0),
        })),
        'max',
      ),
      gaugeFamily(
        'framegate_endpoint_active_calls',
        'Attempts that have a place at an endpoint, those included that their clients have given up and the endpoint has not.',
        summedUp(all.flatMap(([name, one]) => valuesOf(name, one, ({ activeCalls }) => activeCalls))),
      ),
      gaugeFamily(
        'framegate_upstream_pending',
        'Calls that wait for a connection to an upstream or for a free stream.',
        current.map(([name, { upstream }]) => ({
          labels: { upstream: name },
          value: upstream.pendingCount,
        })),
      ),
      gaugeFamily(
        'framegate_upstream_retries',
        'Calls that are in a further attempt granted by the retry of their route, or wait for one, and further attempts of hedged calls.',
        summedUp(
          all.map(([name, { upstream }]) => ({
            labels: { upstream: name },
            value: upstream.shares.retries.active,
          })),
        ),
      ),
      counterFamily(
        'framegate_upstream_retries_refused_total',
        'Further attempts that were not granted because of limits.retries of the upstream.',
        current.map(([name, { upstream }]) => ({
          labels: { upstream: name },
          value: upstream.shares.retries.refused,
        })),
      ),
    ];
  }

  #forgetUnconnected(): void {
    for (const built of this.#retired.keys()) {
      if (built.upstream.allEndpoints.every(({ isGone }) => isGone)) this.#retired.delete(built);
    }
  }
}

function connectionValues(upstream: string, built: BuiltUpstream): readonly MetricValue[] {
  return built.upstream.allEndpoints.flatMap(({ address, connectionCounts }) =>
    Object.entries(connectionCounts).map(([state, value]) => ({
      labels: { upstream, endpoint: address.text, state },
      value,
    })),
  );
}

function valuesOf(
  upstream: string,
  built: BuiltUpstream,
  of: (endpoint: Endpoint) => number,
): readonly MetricValue[] {
  return built.upstream.allEndpoints.map((endpoint) => ({
    labels: { upstream, endpoint: endpoint.address.text },
    value: of(endpoint),
  }));
}

/** Adds up values with equal labels: a replaced upstream and its successor may have the same name and the same endpoints. */
function summedUp(values: readonly MetricValue[]): readonly MetricValue[] {
  const sums = new Map<string, { labels: MetricValue['labels']; value: number }>();
  for (const { labels, value } of values) {
    const key = JSON.stringify(labels);
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { labels, value });
    else sum.value += value;
  }
  return [...sums.values()];
}
