// An HTTP/1.1 upstream of the configuration: its endpoints, for HTTP/1.1 clients through `pool`, for the relay through
// `connect`, which makes HTTP/2 connections into this process.

import type { Duplex } from 'node:stream';
import type { LimitsConfig, UpstreamConfig } from '../config/config.ts';
import { UpstreamTls } from '../upstreams/upstream-tls.ts';
import { EndpointPool } from './endpoint-pool.ts';
import { Http1Endpoint, type Http1UpstreamEvents } from './http1-endpoint.ts';
import { InProcessServer } from './in-process-server.ts';

export class Http1Upstream {
  readonly name: string;
  readonly pool: EndpointPool;
  /** Undefined in the clear. */
  readonly tls: UpstreamTls | undefined;
  readonly #server: InProcessServer;

  /** Reads the files of `tls`. Throws an Error that names the upstream where one cannot be used. */
  constructor(config: UpstreamConfig, limits: LimitsConfig, events: Http1UpstreamEvents) {
    const { name, endpoints, connections } = config;
    const tls = config.tls === undefined ? undefined : new UpstreamTls(config.tls, name);
    const { connectTimeoutMs, max: maxConnections, maxPending } = connections;
    const options = { tls, connectTimeoutMs, maxConnections, limits };
    this.name = name;
    this.tls = tls;
    this.pool = new EndpointPool(
      name,
      endpoints.map((address) => new Http1Endpoint({ address, ...options }, events)),
      { maxPending, stallTimeoutMs: limits.stallTimeoutMs, onGaveWay: (client) => events.onGaveWay(client) },
    );
    this.#server = new InProcessServer(this.pool, limits);
  }

  /** One end of an HTTP/2 connection in the clear, the client's. */
  connect(): Duplex {
    return this.#server.connect();
  }

  /** Idle connections are closed now, others after their request; requests may still come. May be called twice. */
  close(): void {
    for (const { agent } of this.pool.endpoints) agent.close();
  }
}
