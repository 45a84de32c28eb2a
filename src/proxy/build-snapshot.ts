// From a configuration to what exchanges run on: routes compiled, upstreams with the way their connections are made.

import { Http1Upstream } from '../bridge/http1-upstream.ts';
import type { Config, UpstreamConfig } from '../config/config.ts';
import type { LocalSettings } from '../h2/settings.ts';
import { localSettings } from '../relay/relay.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import { compileRoutes } from '../routing/route-table.ts';
import { type Dialer, inProcessDialer } from '../upstreams/dial.ts';
import { tlsDialer } from '../upstreams/tls-dialer.ts';
import { Upstream } from '../upstreams/upstream.ts';
import type { ProcessLog } from './process-log.ts';

/** Into this process: each carries a thousand streams or so. */
const MOST_IN_PROCESS_CONNECTIONS = 64;

export interface ProxySnapshot extends Snapshot {
  /** Those of `upstreams` that speak HTTP/1.1, as the bridge knows them. */
  readonly http1Upstreams: ReadonlyMap<string, Http1Upstream>;
}

/** Throws an Error that names the upstream where its TLS files cannot be used. */
export function buildSnapshot(config: Config, log: ProcessLog): ProxySnapshot {
  const settings = localSettings(config);
  const http1Upstreams = config.upstreams
    .filter(({ protocol }) => protocol === 'http1')
    .map((upstream) => new Http1Upstream(upstream, config.limits, log.http1Events(upstream.name)));
  const byName = new Map(http1Upstreams.map((upstream) => [upstream.name, upstream]));
  const upstreams = config.upstreams.map((upstream) =>
    buildUpstream(upstream, settings, byName.get(upstream.name), log),
  );
  return {
    routes: compileRoutes(config.routes),
    upstreams: new Map(upstreams.map((upstream) => [upstream.name, upstream])),
    http1Upstreams: byName,
    limits: config.limits,
  };
}

function buildUpstream(
  config: UpstreamConfig,
  settings: LocalSettings,
  http1: Http1Upstream | undefined,
  log: ProcessLog,
): Upstream {
  if (http1 === undefined) {
    return new Upstream(config, settings, log.upstreamEvents(config.name), dialerOf(config));
  }
  const dialer = inProcessDialer(() => http1.connect());
  return new Upstream(inProcessConfig(config), settings, log.inProcessEvents(config.name), dialer);
}

/** Undefined for TCP in the clear. */
function dialerOf({ name, protocol, tls }: UpstreamConfig): Dialer | undefined {
  return protocol === 'h2' && tls !== undefined ? tlsDialer(tls, name) : undefined;
}

/** The relay sees one endpoint, in this process; the bridge behind it chooses among the real ones. */
function inProcessConfig(config: UpstreamConfig): UpstreamConfig {
  const [first, ...others] = config.endpoints;
  const text = others.length === 0 ? first.text : config.name;
  return {
    ...config,
    endpoints: [{ kind: 'unix', path: '', text }],
    connections: { ...config.connections, max: MOST_IN_PROCESS_CONNECTIONS },
  };
}
