// An upstream of the configuration whose endpoints speak HTTP/1.1.

import type { LimitsConfig, UpstreamConfig } from '../../config/config.ts';
import { RoundRobin } from '../balancers/round-robin.ts';
import { Upstream, type UpstreamEvents } from '../upstream.ts';
import type { UpstreamTls } from '../upstream-tls.ts';
import { Http1Endpoint } from './http1-endpoint.ts';

export type Http1UpstreamConfig = Pick<UpstreamConfig, 'name' | 'protocol' | 'endpoints' | 'connections'>;

/** @param tls undefined for plaintext */
export function http1Upstream(
  config: Http1UpstreamConfig,
  limits: LimitsConfig,
  events: UpstreamEvents,
  tls?: UpstreamTls,
): Upstream<Http1Endpoint> {
  const { connectTimeoutMs, max: maxConnections } = config.connections;
  const { streamWindowBytes: windowBytes, stallTimeoutMs } = limits;
  return new Upstream(
    {
      config,
      stallTimeoutMs,
      balancer: new RoundRobin<Http1Endpoint>(),
      makeEndpoint: (address, endpointEvents) =>
        new Http1Endpoint(
          { address, tls, connectTimeoutMs, maxConnections, limits, windowBytes },
          endpointEvents,
        ),
    },
    events,
  );
}
