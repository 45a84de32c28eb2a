// An HTTP/1.1 upstream of the configuration: its endpoints, and calls to them.

import type { AttemptListener } from '../../calls/attempt-listener.ts';
import type { Http1Target, ServiceAttempt, ServiceCall } from '../../calls/http1-target.ts';
import type { LimitsConfig, UpstreamConfig } from '../../config/config.ts';
import { UpstreamTls } from '../upstream-tls.ts';
import { EndpointPool } from './endpoint-pool.ts';
import { Http1Attempt } from './http1-attempt.ts';
import { Http1Endpoint, type Http1UpstreamEvents } from './http1-endpoint.ts';

export class Http1Upstream implements Http1Target {
  readonly name: string;
  readonly protocol = 'http1';
  readonly pool: EndpointPool;
  /** Undefined in the clear. */
  readonly tls: UpstreamTls | undefined;
  readonly #windowBytes: number;

  /** Reads the files of `tls`. Throws an Error that names the upstream where one cannot be used. */
  constructor(
    config: Pick<UpstreamConfig, 'name' | 'endpoints' | 'connections' | 'tls'>,
    limits: LimitsConfig,
    events: Http1UpstreamEvents,
  ) {
    const { name, endpoints, connections } = config;
    const tls = config.tls === undefined ? undefined : new UpstreamTls(config.tls, name);
    const { connectTimeoutMs, max: maxConnections, maxPending } = connections;
    const options = { tls, connectTimeoutMs, maxConnections, limits };
    this.name = name;
    this.tls = tls;
    this.#windowBytes = limits.streamWindowBytes;
    this.pool = new EndpointPool(
      name,
      endpoints.map((address) => new Http1Endpoint({ address, ...options }, events)),
      { maxPending, stallTimeoutMs: limits.stallTimeoutMs, onGaveWay: (client) => events.onGaveWay(client) },
    );
  }

  open(call: ServiceCall, listener: AttemptListener): ServiceAttempt {
    return new Http1Attempt(this.pool, this.#windowBytes, call, listener);
  }

  /** Idle connections are closed now, others after their request; requests may still come. May be called twice. */
  close(): void {
    for (const { agent } of this.pool.endpoints) agent.close();
  }
}
