// Builds the snapshot that exchanges run on from a configuration: compiled routes and policies, and the upstreams. An upstream whose
// settings have not changed is taken over from the previous snapshot. Its endpoints may still differ: the endpoints it keeps also keep
// their connections and their backoff.

import { CallTracing } from '../calls/call-tracing.ts';
import { type QuestionObserver, UNOBSERVED } from '../calls/question-observer.ts';
import { TraceIds } from '../calls/trace-ids.ts';
import { type Change, NO_CHANGE, prepareAll } from '../config/change.ts';
import type { Config, LimitsConfig } from '../config/config.ts';
import type { Finding } from '../config/problem.ts';
import { findingOf, UnusableConfig } from '../config/unusable-config.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import type { Identities } from '../identities/identities.ts';
import type { FlowQuotaSource } from '../limits/quotas.ts';
import { compilePlans } from '../policies/compile-plans.ts';
import { POLICY_KINDS, type PolicyKind } from '../policies/policy-kinds.ts';
import { localSettings } from '../relay/relay.ts';
import type { CallTarget, Snapshot } from '../relay/snapshot.ts';
import { compileRoutes } from '../routing/route-table.ts';
import type { Endpoint } from '../upstreams/endpoint.ts';
import { http1Upstream } from '../upstreams/http1/http1-upstream.ts';
import { http2Upstream } from '../upstreams/http2/http2-upstream.ts';
import { OutlierDetection } from '../upstreams/outliers/outlier-detection.ts';
import { tlsDialer } from '../upstreams/tls-dialer.ts';
import { UpstreamTls } from '../upstreams/upstream-tls.ts';
import type { ProcessLog } from './process-log.ts';
import { unaryServices } from './unary-services.ts';

export interface BuiltUpstream {
  /** The settings it was built from, without its endpoints, as JSON. An upstream with an equal origin is reused. */
  readonly origin: string;
  readonly upstream: CallTarget;
  /** Undefined for plaintext. */
  readonly tls: UpstreamTls | undefined;
  /** Undefined where endpoints are not ejected. */
  readonly outliers: OutlierDetection | undefined;
}

export interface ProxySnapshot extends Snapshot {
  readonly config: Config;
  readonly built: ReadonlyMap<string, BuiltUpstream>;
}

export interface BuildParts {
  readonly log: ProcessLog;
  /** The default is all kinds. */
  readonly policyKinds?: readonly PolicyKind[] | undefined;
  readonly identities: Identities;
  /** Is told of what policies ask services. */
  readonly questions?: QuestionObserver | undefined;
  readonly quotas: FlowQuotaSource;
}

/** Opens and changes nothing. Throws UnusableConfig if TLS files of upstreams cannot be used. */
export function buildSnapshot(
  config: Config,
  { log, policyKinds = POLICY_KINDS, identities, quotas, questions }: BuildParts,
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
    plans: compilePlans(config.routes, (error, route) => log.policyFailed(route, error), policyKinds, {
      identities: identities.build(config.identities),
      services: unaryServices(config.upstreams, built, (error) => log.contained('policy', error)),
      questions: questions ?? UNOBSERVED,
      quotas,
    }),
    limits: config.limits,
    tracing: config.trace && new CallTracing(config.trace, traceIds),
  };
}

/** One pool for all configurations of the process. */
const traceIds = new TraceIds();

/** Endpoints, where they come from, how they are checked and how load reports weigh them are left out, and so is the limit of concurrent streams, which applies to clients only. */
function originOf(upstream: UpstreamConfig, limits: LimitsConfig): string {
  return JSON.stringify({
    upstream: { ...upstream, endpoints: [], discovery: undefined, health: undefined, weights: undefined },
    limits: { ...limits, concurrentStreams: 0 },
  });
}

/** Without endpoints: it gets those that are named, and what is known of them, when it is put to use. */
function buildUpstream(named: UpstreamConfig, all: Config, origin: string, log: ProcessLog): BuiltUpstream {
  const config = { ...named, endpoints: [] };
  const { name, protocol } = config;
  const tls = config.tls === undefined ? undefined : new UpstreamTls(config.tls, name);
  const outliers =
    config.outliers &&
    new OutlierDetection(
      config.outliers,
      (error) => log.contained('upstream', error),
      ({ address }, sentence) => log.spared(name, address.text, sentence),
    );
  const outcomesOf = outliers && ((endpoint: Endpoint) => outliers.watch(endpoint));
  const events = { ...log.upstreamEvents(name), outcomesOf };
  const dialer = tls === undefined ? undefined : tlsDialer(tls);
  const upstream =
    protocol === 'http1'
      ? http1Upstream(config, all.limits, events, tls)
      : http2Upstream(config, localSettings(all), events, dialer);
  outliers?.begin(() => upstream.endpoints);
  return { origin, upstream, tls, outliers };
}

/** Called instead of `close` of the upstream, which knows nothing of outliers. */
function closeUpstream({ upstream, outliers }: BuiltUpstream): void {
  outliers?.close();
  upstream.close();
}

/** Ends every connection of the upstreams now. */
export function destroyUpstreams({ built }: ProxySnapshot, reason: string): void {
  for (const { upstream, outliers } of built.values()) {
    outliers?.close();
    upstream.destroy(reason);
  }
}

/**
 * Must be called when the snapshot `now` takes the place of `before`; the first snapshot is passed as both. Upstreams that are gone are
 * closed: their calls go on, and their connections end with the last of these calls.
 */
export function closeReplaced(before: ProxySnapshot, now: ProxySnapshot): void {
  for (const [name, old] of before.built) {
    if (now.built.get(name) !== old) closeUpstream(old);
  }
}

/** Reads the TLS files of upstreams again, and loads what identities need. Rejects with UnusableConfig if one cannot be used, and then nothing has changed. */
export function prepareParts(
  { built, config }: ProxySnapshot,
  { identities }: Pick<BuildParts, 'identities'>,
): Promise<Change> {
  return prepareAll([
    () => identities.load(config.identities),
    ...Array.from(built, ([name, { tls }]) => () => {
      try {
        return tls?.prepare() ?? NO_CHANGE;
      } catch (error) {
        throw new UnusableConfig([findingOf(['upstreams', name, 'tls'], error)]);
      }
    }),
  ]);
}
