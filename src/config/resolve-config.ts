// Turns the validated YAML into the configuration that the program works with: fills in names, resolves file paths against the
// folder of the config file, and turns records into lists and maps.

import { dirname, isAbsolute, join } from 'node:path';
import { resolveAuthorize } from './authorize-schema.ts';
import type {
  AdminConfig,
  ClientAuthConfig,
  Config,
  LimitsConfig,
  ListenerConfig,
  ListenerTlsConfig,
} from './config.ts';
import { namesOfRoutes } from './default-route-names.ts';
import { resolveAccess, resolveIdentity } from './resolve-identities.ts';
import { resolveLimits } from './resolve-limits.ts';
import { resolveAnswers, resolveEdits, resolveFault } from './resolve-route-changes.ts';
import { resolveStores } from './resolve-stores.ts';
import { resolveTrace } from './resolve-trace.ts';
import type {
  GrpcWebConfig,
  HedgeConfig,
  RetryConfig,
  RouteConfig,
  RouteMatchConfig,
  RouteTimeoutsConfig,
} from './route-config.ts';
import type { ValidConfig, ValidRoute } from './schema.ts';
import type {
  Discovery,
  EndpointState,
  HashConfig,
  HealthConfig,
  KeepaliveConfig,
  OrcaConfig,
  OutliersConfig,
  UpstreamConfig,
  UpstreamTlsConfig,
} from './upstream-config.ts';

type ValidUpstream = ValidConfig['upstreams'][string];

/** @param environment where FRAMEGATE_ZONE may say what `zone` does not */
export function resolveConfig(
  valid: ValidConfig,
  file: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const zone = valid.zone ?? environment['FRAMEGATE_ZONE'];
  const { limits, drain, reload, admin, log } = valid;
  return {
    file,
    workers: valid.workers,
    listeners: valid.listeners.map((listener) => resolveListener(listener, limits, file)),
    routes: resolveRoutes(valid.routes),
    upstreams: Object.entries(valid.upstreams).map(([name, upstream]) =>
      resolveUpstream(name, upstream, file, zone),
    ),
    limits: {
      concurrentStreams: limits.concurrentStreams,
      streamWindowBytes: limits.streamWindow,
      connectionWindowBytes: limits.connectionWindow,
      headerListBytes: limits.headerListSize,
      headerFields: limits.headerFields,
      ...resolvePatience(limits),
    },
    capacity: {
      connections: limits.connections,
      connectionsPerAddress: unlessOff(limits.connectionsPerAddress),
      connectionAgeMs: unlessOff(limits.connectionAge),
      memoryBytes: unlessOff(limits.memory),
    },
    drain: { timeoutMs: unlessOff(drain.timeout), delayMs: drain.delay },
    reload: { watchMs: unlessOff(reload.watch), certificatesMs: unlessOff(reload.certificates) },
    admin: resolveAdmin(admin, file),
    log: {
      level: log.level,
      access: log.access,
      syslogPrefix: log.syslogPrefix,
      file: log.file === undefined ? undefined : besideConfig(file, log.file),
      format: log.format,
    },
    ...(valid.identities === undefined
      ? {}
      : {
          identities: Object.entries(valid.identities).map(([name, identity]) =>
            resolveIdentity(name, identity, (each) => besideConfig(file, each)),
          ),
        }),
    ...(valid.metrics === undefined ? {} : { metrics: valid.metrics }),
    ...(valid.stores === undefined
      ? {}
      : { stores: resolveStores(valid.stores, (name) => besideConfig(file, name)) }),
    ...(valid.trace === undefined
      ? {}
      : { trace: resolveTrace(valid.trace, (name) => besideConfig(file, name)) }),
  };
}

function unlessOff<T>(value: T | 'off'): T | undefined {
  return value === 'off' ? undefined : value;
}

export function resolveAdmin(admin: ValidConfig['admin'], configFile: string): AdminConfig | undefined {
  if (admin === 'off') return undefined;
  const { address, token } = admin;
  if (token?.file !== undefined)
    return { address, token: { kind: 'file', file: besideConfig(configFile, token.file) } };
  const variable = token?.environment;
  return variable === undefined ? { address } : { address, token: { kind: 'environment', variable } };
}

function resolvePatience(
  limits: ValidConfig['limits'],
): Pick<
  LimitsConfig,
  'floods' | 'openingTimeoutMs' | 'headerTimeoutMs' | 'stallTimeoutMs' | 'stalledResponsesBytes'
> {
  const { padding, upstreamPadding, ...floods } = limits.floods;
  return {
    floods: { ...floods, paddingBytes: padding, upstreamPaddingBytes: upstreamPadding },
    openingTimeoutMs: limits.openingTimeout,
    headerTimeoutMs: limits.headerTimeout,
    stallTimeoutMs: unlessOff(limits.stallTimeout),
    stalledResponsesBytes: limits.stalledResponses,
  };
}

/** Resolves a file name in the configuration against the folder of the config file. */
export function besideConfig(configFile: string, name: string): string {
  return isAbsolute(name) ? name : join(dirname(configFile), name);
}

function resolveListener(
  listener: ValidConfig['listeners'][number],
  limits: ValidConfig['limits'],
  file: string,
): ListenerConfig {
  return {
    name: listener.name ?? listener.address.text,
    address: listener.address,
    ...(listener.mode === undefined ? {} : { mode: listener.mode }),
    tls: listener.tls === undefined ? undefined : resolveTls(listener.tls, file),
    trustedClients: listener.trustedClients,
    mismatch: listener.mismatch,
    proxyProtocol: listener.proxyProtocol,
    openingTimeoutMs: limits.openingTimeout,
    headerTimeoutMs: limits.headerTimeout,
  };
}

function resolveTls(
  tls: NonNullable<ValidConfig['listeners'][number]['tls']>,
  file: string,
): ListenerTlsConfig {
  return {
    certificates: tls.certificates.map(({ cert, key, ocsp }) => ({
      cert: besideConfig(file, cert),
      key: besideConfig(file, key),
      ...(ocsp === undefined ? {} : { ocsp: besideConfig(file, ocsp) }),
    })),
    minVersion: tls.minVersion,
    ...(tls.clientAuth === undefined ? {} : { clientAuth: resolveClientAuth(tls.clientAuth, file) }),
    unknownServerName: tls.unknownServerName,
  };
}

function resolveClientAuth(
  { ca, crl, mode, forward }: NonNullable<NonNullable<ValidConfig['listeners'][number]['tls']>['clientAuth']>,
  file: string,
): ClientAuthConfig {
  return {
    ca: besideConfig(file, ca),
    ...(crl === undefined ? {} : { crl: besideConfig(file, crl) }),
    mode,
    ...(forward === undefined ? {} : { forward }),
  };
}

/** @param routes all of them: the default name of one depends on the others */
export function resolveRoutes(routes: readonly ValidRoute[]): readonly RouteConfig[] {
  const matches = routes.map(resolveMatch);
  const names = namesOfRoutes(routes.map(({ name }, index) => ({ name, match: matches[index] })));
  return routes.map((route, index) => resolveRoute(route, names[index], matches[index]));
}

function resolveMatch({ match: { path, host, headers, listener } }: ValidRoute): RouteMatchConfig {
  return { path, host, headers: new Map(Object.entries(headers)), listener };
}

function resolveRoute(route: ValidRoute, name: string, match: RouteMatchConfig): RouteConfig {
  return {
    name,
    match,
    stripPrefix: route.stripPrefix,
    upstream: route.upstream,
    ...(route.split === undefined ? {} : { split: route.split }),
    grpcWeb: resolveGrpcWeb(route.grpcWeb),
    ...(route.timeouts === undefined ? {} : { timeouts: resolveTimeouts(route.timeouts) }),
    ...(route.retry === undefined ? {} : { retry: resolveRetry(route.retry) }),
    ...(route.hedge === undefined ? {} : { hedge: resolveHedge(route.hedge) }),
    ...(route.access === undefined ? {} : { access: resolveAccess(route.access) }),
    ...(route.limits === undefined ? {} : { limits: resolveLimits(route.limits) }),
    ...(route.authorize === undefined ? {} : { authorize: resolveAuthorize(route.authorize) }),
    ...(route.trace === 'off' ? { isTraced: false } : {}),
    ...resolveAnswers(route),
    ...resolveEdits(route),
    ...resolveFault(route),
  };
}

function resolveTimeouts(timeouts: NonNullable<ValidRoute['timeouts']>): RouteTimeoutsConfig {
  const { deadline, maxDeadline, idle } = timeouts;
  return { deadlineMs: unlessOff(deadline), maxDeadlineMs: unlessOff(maxDeadline), idleMs: unlessOff(idle) };
}

function resolveRetry(retry: NonNullable<ValidRoute['retry']>): RetryConfig {
  const { attempts, on, backoff, maxBackoff, perTry, hold } = retry;
  return {
    attempts,
    on: [...new Set(on)],
    backoffMs: backoff,
    maxBackoffMs: maxBackoff,
    perTryMs: unlessOff(perTry),
    holdMs: unlessOff(hold) ?? 0,
  };
}

function resolveHedge({ attempts, delay, on }: NonNullable<ValidRoute['hedge']>): HedgeConfig {
  return { attempts, delayMs: delay, on: [...new Set(on)] };
}

function resolveGrpcWeb(grpcWeb: ValidRoute['grpcWeb']): GrpcWebConfig | undefined {
  if (grpcWeb === false) return undefined;
  return { origins: grpcWeb === true ? undefined : grpcWeb.origins };
}

/** The default of connections.max. HTTP/1.1 needs more: a connection carries one request at a time, and a WebSocket keeps it. */
const CONNECTIONS_MAX = { h2c: 16, h2: 16, http1: 1024 } as const;

const MAX_PENDING = 1024;
const KEEPALIVE: KeepaliveConfig = { afterMs: 20_000, timeoutMs: 20_000 };

function resolveUpstream(
  name: string,
  upstream: ValidUpstream,
  file: string,
  zone: string | undefined,
): UpstreamConfig {
  const { connectTimeout, max } = upstream.connections;
  const maxPending = upstream.limits.pending ?? upstream.connections.maxPending ?? MAX_PENDING;
  const { protocol, hash, panic, slowStart, streams } = upstream;
  return {
    name,
    protocol,
    tls: protocol === 'h2' || upstream.tls !== undefined ? resolveUpstreamTls(upstream, file) : undefined,
    // An address that is listed twice is one endpoint; crossCheck warns about it.
    endpoints: [...new Map(listedEndpoints(upstream).map((one) => [one.address.text, one])).values()],
    ...resolveDiscovery(upstream),
    balance: upstream.balance,
    hash: hash === undefined ? undefined : resolveHash(hash),
    ...(upstream.weights === undefined ? {} : { weights: resolveWeights(upstream.weights) }),
    panicShare: panic === 'off' ? 0 : panic,
    preferredZone: upstream.zone === 'prefer' ? zone : undefined,
    slowStartMs: unlessOff(slowStart),
    streams: { maxAgeMs: unlessOff(streams.maxAge), rebalanceMs: unlessOff(streams.rebalance) },
    connections: { connectTimeoutMs: connectTimeout, max: max ?? CONNECTIONS_MAX[protocol], maxPending },
    limits: { streams: unlessOff(upstream.limits.streams), retries: upstream.limits.retries },
    keepalive: protocol === 'http1' ? undefined : resolveKeepalive(upstream.keepalive),
    ...(upstream.health === undefined ? {} : { health: resolveHealth(upstream.health, protocol) }),
    ...(upstream.outliers === undefined ? {} : { outliers: resolveOutliers(upstream.outliers) }),
  };
}

function resolveKeepalive(keepalive: ValidUpstream['keepalive']): KeepaliveConfig | undefined {
  if (keepalive === 'off') return undefined;
  return {
    afterMs: keepalive?.after ?? KEEPALIVE.afterMs,
    timeoutMs: keepalive?.timeout ?? KEEPALIVE.timeoutMs,
  };
}

/** `weights: orca`; the defaults of gRFC A58. */
const ORCA: OrcaConfig = {
  reportingMs: 10_000,
  blackoutMs: 10_000,
  weightExpirationMs: 180_000,
  updateMs: 1000,
  errorUtilizationPenalty: 1,
};

function resolveWeights(weights: NonNullable<ValidUpstream['weights']>): OrcaConfig {
  if (weights === 'orca') return ORCA;
  const { oobReportingPeriod, blackoutPeriod, weightExpirationPeriod, weightUpdatePeriod } = weights.orca;
  return {
    reportingMs: oobReportingPeriod,
    blackoutMs: blackoutPeriod,
    weightExpirationMs: weightExpirationPeriod,
    updateMs: weightUpdatePeriod,
    errorUtilizationPenalty: weights.orca.errorUtilizationPenalty,
  };
}

function resolveOutliers(outliers: NonNullable<ValidUpstream['outliers']>): OutliersConfig {
  const { consecutive, on, ejection, maxEjected } = outliers;
  return { consecutive, on, ejectionMs: ejection, maxEjectedPercent: Math.round(maxEjected * 100) };
}

function resolveHealth(
  health: NonNullable<ValidUpstream['health']>,
  protocol: UpstreamConfig['protocol'],
): HealthConfig {
  const { type, service = '', path, interval, timeout, unhealthyAfter, healthyAfter } = health;
  return {
    type: type ?? (protocol === 'http1' ? 'http' : 'grpc'),
    service,
    path,
    intervalMs: interval,
    timeoutMs: timeout,
    unhealthyAfter,
    healthyAfter,
  };
}

function resolveHash(hash: NonNullable<ValidUpstream['hash']>): HashConfig {
  return typeof hash === 'string' ? { by: hash } : { by: 'header', name: hash.header };
}

function listedEndpoints({ endpoints = [] }: ValidUpstream): readonly EndpointState[] {
  return endpoints === 'api' ? [] : endpoints;
}

function resolveDiscovery({ endpoints, dns }: ValidUpstream): { readonly discovery?: Discovery } {
  if (endpoints === 'api') return { discovery: { kind: 'api' } };
  if (dns === undefined) return {};
  const { name, port, type, minTtl, maxTtl } = dns;
  return {
    discovery: {
      kind: 'dns',
      name,
      ...(port === undefined ? {} : { port }),
      type,
      minTtlMs: minTtl,
      maxTtlMs: maxTtl,
    },
  };
}

function resolveUpstreamTls({ tls, dns }: ValidUpstream, file: string): UpstreamTlsConfig {
  const beside = (name: string | undefined) => (name === undefined ? undefined : besideConfig(file, name));
  return {
    ca: beside(tls?.ca),
    cert: beside(tls?.cert),
    key: beside(tls?.key),
    serverName: tls?.serverName ?? nameToVerify(dns),
  };
}

/** Endpoints from DNS are addresses, which certificates seldom have: they have the name, of a service without its protocol. */
function nameToVerify(dns: ValidUpstream['dns']): string | undefined {
  return dns?.name.replace(/\.$/, '').replace(dns.type === 'SRV' ? /^_[^.]+\._[^.]+\./ : '', '');
}
