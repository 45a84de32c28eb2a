// An upstream of the configuration whose endpoints speak HTTP/2.

import type { UpstreamConfig } from '../../config/config.ts';
import type { LocalSettings } from '../../h2/settings.ts';
import { RoundRobin } from '../balancers/round-robin.ts';
import type { Dialer } from '../dial.ts';
import { Upstream, type UpstreamEvents } from '../upstream.ts';
import { Http2Endpoint } from './http2-endpoint.ts';

export type Http2UpstreamConfig = Pick<UpstreamConfig, 'name' | 'protocol' | 'endpoints' | 'connections'>;

/** @param dialer how connections are made; over TCP in plaintext where it is not given */
export function http2Upstream(
  config: Http2UpstreamConfig,
  settings: LocalSettings,
  events: UpstreamEvents,
  dialer?: Dialer,
): Upstream<Http2Endpoint> {
  return new Upstream(
    {
      config,
      stallTimeoutMs: settings.stallTimeoutMs,
      balancer: new RoundRobin<Http2Endpoint>(),
      makeEndpoint: (address, endpointEvents) =>
        new Http2Endpoint(address, config.connections, settings, endpointEvents, dialer),
    },
    events,
  );
}
