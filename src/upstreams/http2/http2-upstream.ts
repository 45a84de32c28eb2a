// An upstream of the configuration whose endpoints speak HTTP/2.

import type { UpstreamConfig } from '../../config/upstream-config.ts';
import type { LocalSettings } from '../../h2/settings.ts';
import { balancerFor } from '../balancers/balancer-for.ts';
import type { Dialer } from '../dial.ts';
import { DialQueue } from '../dial-queue.ts';
import { Upstream } from '../upstream.ts';
import type { UpstreamEvents, UpstreamSettings } from '../upstream-parts.ts';
import { Http2Endpoint } from './http2-endpoint.ts';

/** @param dialer makes the connections; by default over TCP in plaintext */
export function http2Upstream(
  config: UpstreamSettings & Pick<UpstreamConfig, 'balance' | 'keepalive'>,
  settings: LocalSettings,
  events: UpstreamEvents,
  dialer?: Dialer,
): Upstream<Http2Endpoint> {
  const dials = new DialQueue();
  return new Upstream(
    {
      config,
      stallTimeoutMs: settings.stallTimeoutMs,
      makeBalancer: () => balancerFor(config.balance),
      makeEndpoint: (state, endpointEvents) =>
        new Http2Endpoint(state, { ...config, settings, dialer, dials }, endpointEvents),
    },
    events,
  );
}
