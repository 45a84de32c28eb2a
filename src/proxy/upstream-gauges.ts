// Connections to endpoints and how these fare, for the metrics. Upstreams that a reload has replaced are shown for as long
// as they have connections.

import type { MetricFamily, MetricValue } from '../observability/metrics-snapshot.ts';
import { gaugeFamily } from '../observability/metrics-snapshot.ts';
import type { BuiltUpstream, ProxySnapshot } from './build-snapshot.ts';

/** What is the same of HTTP/2 and HTTP/1.1 endpoints. */
interface EndpointState {
  readonly address: { readonly text: string };
  /** By the state of the connection. */
  readonly connections: Readonly<Record<string, number>>;
  readonly isHealthy: boolean;
}

export class UpstreamGauges {
  /** With their names. */
  readonly #retired = new Map<BuiltUpstream, string>();

  replaced(before: ProxySnapshot, now: ProxySnapshot): void {
    this.#forgetUnconnected();
    for (const [name, upstream] of before.built) {
      if (now.built.get(name) !== upstream) this.#retired.set(upstream, name);
    }
  }

  families({ built }: ProxySnapshot): readonly MetricFamily[] {
    this.#forgetUnconnected();
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
        '0 while the last connection to an endpoint failed and it is not tried again yet, 1 otherwise.',
        current.flatMap(([upstream, one]) =>
          statesOf(one).map(({ address, isHealthy }) => ({
            labels: { upstream, endpoint: address.text },
            value: Number(isHealthy),
          })),
        ),
        'min',
      ),
      gaugeFamily(
        'framegate_upstream_pending',
        'Calls that wait for a connection to an upstream or for a free stream.',
        current.map(([name, { upstream }]) => ({
          labels: { upstream: name },
          value: upstream.protocol === 'http1' ? upstream.pool.pendingCount : upstream.pendingCount,
        })),
      ),
    ];
  }

  #forgetUnconnected(): void {
    for (const upstream of this.#retired.keys()) {
      const isConnected = statesOf(upstream).some(({ connections }) =>
        Object.values(connections).some((count) => count > 0),
      );
      if (!isConnected) this.#retired.delete(upstream);
    }
  }
}

function statesOf({ upstream }: BuiltUpstream): readonly EndpointState[] {
  if (upstream.protocol === 'http1') {
    return upstream.pool.endpoints.map(({ address, connectionCounts, isAvoided }) => ({
      address,
      connections: { ...connectionCounts },
      isHealthy: !isAvoided,
    }));
  }
  return upstream.endpoints.map(({ address, connectionCounts, isFailing }) => ({
    address,
    connections: { ...connectionCounts },
    isHealthy: !isFailing,
  }));
}

function connectionValues(upstream: string, built: BuiltUpstream): readonly MetricValue[] {
  return statesOf(built).flatMap(({ address, connections }) =>
    Object.entries(connections).map(([state, value]) => ({
      labels: { upstream, endpoint: address.text, state },
      value,
    })),
  );
}

/** An upstream of the same name as one before it may have the same endpoints. */
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
