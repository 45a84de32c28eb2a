// An upstream of the configuration whose endpoints speak HTTP/1.1.

import type { LimitsConfig } from '../../config/config.ts';
import type { UpstreamConfig } from '../../config/upstream-config.ts';
import { balancerFor } from '../balancers/balancer-for.ts';
import { Upstream } from '../upstream.ts';
import type { UpstreamEvents, UpstreamSettings } from '../upstream-parts.ts';
import type { UpstreamTls } from '../upstream-tls.ts';
import { Http1Endpoint } from './http1-endpoint.ts';

/** @param tls undefined for plaintext */
export function http1Upstream(
  config: UpstreamSettings & Pick<UpstreamConfig, 'balance'>,
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
      makeBalancer: () => balancerFor(config.balance),
      makeEndpoint: (state, endpointEvents) =>
        new Http1Endpoint(
          state,
          { tls, connectTimeoutMs, maxConnections, limits, windowBytes },
          endpointEvents,
        ),
    },
    events,
  );
}
