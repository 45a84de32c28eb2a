// From a configuration to what exchanges run on: routes compiled, upstreams with the way their connections are made.
// An upstream whose settings have not changed is the one there was, with its connections and its backoff.

import { type Change, NO_CHANGE, prepareAll } from '../config/change.ts';
import type { Config, LimitsConfig, UpstreamConfig } from '../config/config.ts';
import type { Finding } from '../config/problem.ts';
import { findingOf, UnusableConfig } from '../config/unusable-config.ts';
import { localSettings } from '../relay/relay.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import { compileRoutes } from '../routing/route-table.ts';
import { Http1Upstream } from '../upstreams/http1/http1-upstream.ts';
import { tlsDialer } from '../upstreams/tls-dialer.ts';
import { Upstream } from '../upstreams/upstream.ts';
import { UpstreamTls } from '../upstreams/upstream-tls.ts';
import type { ProcessLog } from './process-log.ts';

export interface BuiltUpstream {
  /** Everything it was built from, as text. */
  readonly origin: string;
  readonly upstream: Upstream | Http1Upstream;
  /** Undefined in the clear. */
  readonly tls: UpstreamTls | undefined;
}

export interface ProxySnapshot extends Snapshot {
  readonly config: Config;
  readonly built: ReadonlyMap<string, BuiltUpstream>;
}

/** Opens nothing and changes nothing. Throws UnusableConfig where TLS files of upstreams cannot be used. */
export function buildSnapshot(
  config: Config,
  log: ProcessLog,
  epoch = 1,
  previous?: ProxySnapshot,
): ProxySnapshot {
  const built = new Map<string, BuiltUpstream>();
  const findings: Finding[] = [];
  for (const upstream of config.upstreams) {
    const origin = originOf(upstream, config.limits);
    const known = previous?.built.get(upstream.name);
    try {
      built.set(
        upstream.name,
        known?.origin === origin ? known : buildUpstream(upstream, config, origin, log),
      );
    } catch (error) {
      findings.push(findingOf(['upstreams', upstream.name, 'tls'], error));
    }
  }
  if (findings.length > 0) throw new UnusableConfig(findings);
  return {
    epoch,
    config,
    routes: compileRoutes(config.routes),
    upstreams: new Map(Array.from(built, ([name, { upstream }]) => [name, upstream])),
    built,
    limits: config.limits,
  };
}

/** Of the limits those that its connections depend on. The number of streams is what we allow clients. */
function originOf(upstream: UpstreamConfig, limits: LimitsConfig): string {
  return JSON.stringify({ upstream, limits: { ...limits, concurrentStreams: 0 } });
}

function buildUpstream(config: UpstreamConfig, all: Config, origin: string, log: ProcessLog): BuiltUpstream {
  const { name, protocol } = config;
  if (protocol === 'http1') {
    const http1 = new Http1Upstream(config, all.limits, log.http1Events(name));
    return { origin, upstream: http1, tls: http1.tls };
  }
  const tls = protocol === 'h2' && config.tls !== undefined ? new UpstreamTls(config.tls, name) : undefined;
  const dialer = tls === undefined ? undefined : tlsDialer(tls);
  const settings = localSettings(all);
  const upstream = new Upstream({ ...config, protocol }, settings, log.upstreamEvents(name), dialer);
  return { origin, upstream, tls };
}

/** Calls that began with it go on; its connections end with them. */
export function retireUpstreams(before: ProxySnapshot, now: ProxySnapshot): void {
  for (const [name, old] of before.built) {
    if (now.built.get(name) === old) continue;
    old.upstream.close();
  }
}

/** Reads the TLS files of upstreams again. Rejects with UnusableConfig where one cannot be used, and then nothing has changed. */
export function prepareUpstreamTls({ built }: ProxySnapshot): Promise<Change> {
  return prepareAll(
    Array.from(built, ([name, { tls }]) => () => {
      try {
        return tls?.prepare() ?? NO_CHANGE;
      } catch (error) {
        throw new UnusableConfig([findingOf(['upstreams', name, 'tls'], error)]);
      }
    }),
  );
}
