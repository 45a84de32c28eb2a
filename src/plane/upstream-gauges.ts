// The metrics of endpoints and their connections. Upstreams that a reload has replaced stay visible while they have calls or
// connections.

import type { MetricFamily } from '../observability/metrics-snapshot.ts';
import { counterFamily, gaugeFamily, labelText } from '../observability/metrics-snapshot.ts';
import type { Endpoint } from '../upstreams/endpoint.ts';
import type { BuiltUpstream, ProxySnapshot } from './build-snapshot.ts';

/** A value with the text of its labels. */
interface Labelled {
  readonly labels: string;
  readonly value: number;
}

export class UpstreamGauges {
  readonly #labels = new EndpointLabels();
  /** Replaced upstreams and their names. */
  readonly #retired = new Map<BuiltUpstream, string>();

  replaced(before: ProxySnapshot, now: ProxySnapshot): void {
    this.#forgetUnconnected();
    for (const [name, upstream] of before.built) {
      if (now.built.get(name) !== upstream) this.#retired.set(upstream, name);
    }
  }

  /** Makes each family when it is asked for, since an upstream may have thousands of endpoints. */
  *families({ built, config }: ProxySnapshot): Iterable<MetricFamily> {
    this.#forgetUnconnected();
    const weighed = new Set(
      config.upstreams.filter(({ weights }) => weights !== undefined).map(({ name }) => name),
    );
    const current = [...built];
    const all = [...current, ...Array.from(this.#retired, ([upstream, name]) => [name, upstream] as const)];
    yield gaugeFamily(
      'framegate_upstream_connections',
      'Connections to endpoints: connecting, ready and draining ones of HTTP/2, busy and idle ones of HTTP/1.1.',
      summedUp(all.flatMap(([name, one]) => this.#connectionValues(name, one))),
    );
    yield gaugeFamily(
      'framegate_endpoint_healthy',
      '0 from the failure of the last connection to an endpoint until one succeeds, while it owes an answer, and while it is kept out; 1 otherwise.',
      current.flatMap(([upstream, one]) =>
        one.upstream.endpoints.map((endpoint) => ({
          labels: this.#labels.of(upstream, endpoint),
          value: Number(endpoint.isHealthy),
        })),
      ),
      'min',
    );
    yield gaugeFamily(
      'framegate_endpoint_weight',
      'The weight of an endpoint where weights come from load reports: its share of the calls beside the other endpoints.',
      current
        .filter(([upstream]) => weighed.has(upstream))
        .flatMap(([upstream, one]) =>
          one.upstream.endpoints.map((endpoint) => ({
            labels: this.#labels.of(upstream, endpoint),
            value: endpoint.weight,
          })),
        ),
      'max',
    );
    yield gaugeFamily(
      'framegate_upstream_healthy_endpoints',
      'How many endpoints of an upstream are healthy, of the process that has the fewest.',
      current.map(([name, { upstream }]) => ({
        labels: { upstream: name },
        value: upstream.endpoints.filter(({ isHealthy }) => isHealthy).length,
      })),
      'min',
    );
    yield gaugeFamily(
      'framegate_upstream_panic',
      '1 while too few endpoints of an upstream can be used, so that those that are kept out get calls as well.',
      current.map(([name, { upstream }]) => ({
        labels: { upstream: name },
        value: Number(upstream.panics.length > 0),
      })),
      'max',
    );
    yield gaugeFamily(
      'framegate_endpoint_active_calls',
      'Attempts that have a place at an endpoint, those included that their clients have given up and the endpoint has not.',
      summedUp(
        all.flatMap(([name, { upstream }]) =>
          upstream.allEndpoints.map((endpoint) => ({
            labels: this.#labels.of(name, endpoint),
            value: endpoint.activeCalls,
          })),
        ),
      ),
    );
    yield gaugeFamily(
      'framegate_upstream_pending',
      'Calls that wait for a connection to an upstream or for a free stream.',
      current.map(([name, { upstream }]) => ({
        labels: { upstream: name },
        value: upstream.pendingCount,
      })),
    );
    yield gaugeFamily(
      'framegate_upstream_retries',
      'Calls that are in a further attempt granted by the retry of their route, or wait for one, and further attempts of hedged calls.',
      summedUp(
        all.map(([name, { upstream }]) => ({
          labels: labelText({ upstream: name }),
          value: upstream.shares.retries.active,
        })),
      ),
    );
    yield counterFamily(
      'framegate_upstream_retries_refused_total',
      'Further attempts that were not granted because of limits.retries of the upstream.',
      current.map(([name, { upstream }]) => ({
        labels: { upstream: name },
        value: upstream.shares.retries.refused,
      })),
    );
  }

  #connectionValues(name: string, { upstream }: BuiltUpstream): readonly Labelled[] {
    const values: Labelled[] = [];
    for (const endpoint of upstream.allEndpoints) {
      const labels = this.#labels.of(name, endpoint);
      const counts = endpoint.connectionCounts;
      for (const [state, value] of Object.entries(counts))
        values.push({ labels: `${labels},state="${state}"`, value });
    }
    return values;
  }

  #forgetUnconnected(): void {
    for (const built of this.#retired.keys()) {
      if (built.upstream.allEndpoints.every(({ isGone }) => isGone)) this.#retired.delete(built);
    }
  }
}

/** Adds up values with equal labels: a replaced upstream and its successor may have the same name and the same endpoints. */
function summedUp(values: readonly Labelled[]): readonly Labelled[] {
  const sums = new Map<string, number>();
  for (const { labels, value } of values) sums.set(labels, (sums.get(labels) ?? 0) + value);
  return Array.from(sums, ([labels, value]) => ({ labels, value }));
}

/** The text of the labels of endpoints, kept as long as they live. */
class EndpointLabels {
  readonly #texts = new WeakMap<Endpoint, { readonly upstream: string; readonly text: string }>();

  of(upstream: string, endpoint: Endpoint): string {
    const known = this.#texts.get(endpoint);
    // An endpoint belongs to one upstream, which keeps its name.
    if (known?.upstream === upstream) return known.text;
    const text = labelText({ upstream, endpoint: endpoint.address.text });
    this.#texts.set(endpoint, { upstream, text });
    return text;
  }
}
