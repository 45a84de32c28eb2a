// A configuration as it is written in the file: with its keys, and values in its units. What the file leaves out has its default. Only to be
// compared and shown; no secret shows.

import type {
  AdminConfig,
  CapacityConfig,
  Config,
  LimitsConfig,
  ListenerConfig,
  ListenerTlsConfig,
} from '../config/config.ts';
import { type IdentityConfig, shownSource } from '../config/identity-config.ts';
import type { SecretSource } from '../config/secret-source.ts';
import type { StoreConfig } from '../config/stores-config.ts';
import type { TraceConfig } from '../config/trace-config.ts';
import { writtenRoute } from './written-route.ts';
import { writtenUpstream } from './written-upstream.ts';
import {
  hiddenSecret,
  OFF,
  type WrittenParts,
  WrittenText,
  written,
  writtenByName,
  writtenDuration,
  writtenEntries,
  writtenFields,
  writtenList,
  writtenOrOff,
  writtenParts,
  writtenShare,
  writtenSize,
} from './written-value.ts';

export function writtenConfig(config: Config): WrittenParts {
  const { drain, reload, admin, log, metrics, identities, stores, trace } = config;
  return writtenParts({
    file: config.file,
    workers: config.workers,
    listeners: writtenByName(config.listeners, nameOf, writtenListener),
    routes: writtenByName(config.routes, nameOf, writtenRoute),
    upstreams: writtenByName(config.upstreams, nameOf, writtenUpstream),
    identities: identities && writtenByName(identities, nameOf, writtenIdentity),
    stores: stores && writtenByName(stores, nameOf, writtenStore),
    limits: writtenLimitsOfProxy(config.limits, config.capacity),
    drain: writtenParts({
      timeout: writtenDuration(drain.timeoutMs),
      delay: writtenDuration(drain.delayMs),
    }),
    reload: writtenParts({
      watch: writtenDuration(reload.watchMs),
      certificates: writtenDuration(reload.certificatesMs),
    }),
    admin: admin === undefined ? OFF : writtenAdmin(admin),
    log: writtenParts({
      level: log.level,
      access:
        typeof log.access === 'boolean'
          ? log.access
          : writtenParts({ successes: writtenShare(log.access.successes) }),
      syslogPrefix: log.syslogPrefix,
      file: log.file,
      format: log.format,
    }),
    metrics: metrics && writtenParts({ methods: metrics.methods }),
    trace: trace && writtenTrace(trace),
  });
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function writtenListener(listener: ListenerConfig): WrittenParts {
  const { address, mode, tls, trustedClients, mismatch, proxyProtocol } = listener;
  return writtenParts({
    address: address.text,
    mode: mode === undefined ? undefined : `0${mode.toString(8)}`,
    tls: tls && writtenTls(tls),
    trustedClients: writtenList(trustedClients),
    mismatch,
    proxyProtocol: proxyProtocol && writtenParts({ trusted: writtenList(proxyProtocol.trusted) }),
  });
}

function writtenTls({ certificates, minVersion, clientAuth, unknownServerName }: ListenerTlsConfig) {
  const forward = clientAuth?.forward;
  return writtenParts({
    certificates: writtenEntries(certificates, ({ cert, key, ocsp }) => writtenParts({ cert, key, ocsp })),
    minVersion,
    clientAuth:
      clientAuth &&
      writtenParts({
        ca: clientAuth.ca,
        mode: clientAuth.mode,
        crl: clientAuth.crl,
        forward:
          forward &&
          writtenParts({
            fields: writtenList(forward.fields),
            fromTrustedClients: forward.fromTrustedClients,
          }),
      }),
    unknownServerName,
  });
}

function writtenLimitsOfProxy(limits: LimitsConfig, capacity: CapacityConfig): WrittenParts {
  const { paddingBytes, upstreamPaddingBytes, ...floods } = limits.floods;
  return writtenParts({
    connections: capacity.connections,
    connectionsPerAddress: writtenOrOff(capacity.connectionsPerAddress),
    connectionAge: writtenDuration(capacity.connectionAgeMs),
    memory: writtenSize(capacity.memoryBytes),
    concurrentStreams: limits.concurrentStreams,
    streamWindow: writtenSize(limits.streamWindowBytes),
    connectionWindow: writtenSize(limits.connectionWindowBytes),
    headerListSize: writtenSize(limits.headerListBytes),
    headerFields: limits.headerFields,
    openingTimeout: writtenDuration(limits.openingTimeoutMs),
    headerTimeout: writtenDuration(limits.headerTimeoutMs),
    stallTimeout: writtenDuration(limits.stallTimeoutMs),
    stalledResponses: writtenSize(limits.stalledResponsesBytes),
    floods: writtenParts({
      ...floods,
      padding: writtenSize(paddingBytes),
      upstreamPadding: writtenSize(upstreamPaddingBytes),
    }),
  });
}

function writtenAdmin({ address, token }: AdminConfig): WrittenParts {
  return writtenParts({ address: address.text, token: token && writtenSource(token) });
}

/** The file or the variable that a secret is read from may be shown: it is not the secret itself. */
function writtenSource(source: SecretSource): WrittenParts {
  return source.kind === 'file'
    ? writtenParts({ file: source.file })
    : writtenParts({ environment: source.variable });
}

function writtenIdentity(identity: IdentityConfig): WrittenParts {
  switch (identity.kind) {
    case 'jwt':
      return writtenParts({
        jwt: writtenParts({
          issuer: identity.issuer,
          audience: writtenList(identity.audience),
          jwks: new WrittenText(written(shownSource(identity.keys)).text, false, identity.keys.text),
          header: identity.header,
          algorithms: writtenList(identity.algorithms),
          clockSkew: writtenDuration(identity.clockSkewMs),
          claims: writtenFields(identity.claims, written),
        }),
      });
    case 'apiKey': {
      const { header, keys, subject } = identity;
      return writtenParts({ apiKey: writtenParts({ header, file: keys.text, subject }) });
    }
    case 'basic':
      return writtenParts({
        basic: writtenParts({ file: identity.keys.text, subject: identity.subject }),
      });
    case 'certificate': {
      const { trustDomain, subject } = identity;
      const parts = writtenParts({ trustDomain, subject });
      return writtenParts({ clientCertificate: parts.size === 0 ? '{}' : parts });
    }
    default:
      return identity satisfies never;
  }
}

function writtenStore(store: StoreConfig): WrittenParts {
  const { servers, kind, master, tls, user, password, database, prefix, failure } = store;
  const scheme = tls === undefined ? 'redis' : 'rediss';
  const urls = servers.map(
    ({ host, port }) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
  );
  return writtenParts({
    redis: urls.length === 1 ? urls[0] : writtenList(urls),
    failure,
    cluster: kind === 'cluster' ? true : new WrittenText('false', true),
    sentinel: kind === 'sentinel' ? master : undefined,
    user,
    password: password && writtenSource(password),
    database,
    prefix,
    ca: tls?.ca,
  });
}

function writtenTrace(trace: TraceConfig): WrittenParts {
  const { exporter, headers, share, parents, onError, formats, intervalMs, service } = trace;
  const url = exporter.protocol === 'grpc' ? exporter.url.replace(/^http/, 'grpc') : exporter.url;
  return writtenParts({
    exporter: url,
    // Whatever a collector is sent may be a secret of its operator.
    headers: writtenFields(headers, (value) =>
      typeof value === 'string' ? hiddenSecret(value) : writtenSource(value),
    ),
    sample: writtenShare(share),
    parent: parents,
    onError,
    propagate: writtenList([
      ...(formats.w3c ? ['w3c'] : []),
      ...(formats.grpcTraceBin ? ['grpc-trace-bin'] : []),
    ]),
    interval: writtenDuration(intervalMs),
    service,
  });
}
