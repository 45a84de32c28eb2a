// An upstream of a configuration as it is written in the file.

import type {
  Discovery,
  HashConfig,
  HealthConfig,
  KeepaliveConfig,
  OrcaConfig,
  OutliersConfig,
  UpstreamConfig,
  UpstreamTlsConfig,
} from '../config/upstream-config.ts';
import {
  OFF,
  type Written,
  type WrittenParts,
  writtenByName,
  writtenDuration,
  writtenList,
  writtenOrOff,
  writtenParts,
  writtenShare,
} from './written-value.ts';

export function writtenUpstream(upstream: UpstreamConfig): WrittenParts {
  const { endpoints, discovery, hash, weights, connections, limits, health, outliers } = upstream;
  return writtenParts({
    endpoints:
      discovery?.kind === 'api'
        ? 'api'
        : writtenByName(
            endpoints,
            ({ address }) => address.text,
            ({ weight, priority, zone, authority }) => writtenParts({ weight, priority, zone, authority }),
          ),
    dns: discovery?.kind === 'dns' ? writtenDns(discovery) : undefined,
    protocol: upstream.protocol,
    tls: upstream.tls && writtenTls(upstream.tls),
    balance: upstream.balance,
    hash: hash && writtenHash(hash),
    weights: weights && writtenWeights(weights),
    panic: upstream.panicShare === 0 ? OFF : writtenShare(upstream.panicShare),
    zone: upstream.preferredZone === undefined ? OFF : `prefer, of ${upstream.preferredZone}`,
    slowStart: writtenDuration(upstream.slowStartMs),
    streams: writtenParts({
      maxAge: writtenDuration(upstream.streams.maxAgeMs),
      rebalance: writtenDuration(upstream.streams.rebalanceMs),
    }),
    connections: writtenParts({
      connectTimeout: writtenDuration(connections.connectTimeoutMs),
      max: connections.max,
    }),
    limits: writtenParts({
      streams: writtenOrOff(limits.streams),
      pending: connections.maxPending,
      retries: writtenShare(limits.retries),
    }),
    keepalive: upstream.keepalive === undefined ? OFF : writtenKeepalive(upstream.keepalive),
    health: health && writtenHealth(health),
    outliers: outliers && writtenOutliers(outliers),
  });
}

function writtenDns({ name, port, type, minTtlMs, maxTtlMs }: Discovery & { kind: 'dns' }): WrittenParts {
  return writtenParts({
    name,
    port,
    type,
    minTtl: writtenDuration(minTtlMs),
    maxTtl: writtenDuration(maxTtlMs),
  });
}

function writtenTls({ ca, cert, key, serverName }: UpstreamTlsConfig): WrittenParts {
  return writtenParts({ ca, cert, key, serverName });
}

function writtenHash(hash: HashConfig): Written {
  return hash.by === 'header' ? writtenParts({ header: hash.name }) : writtenParts({ by: hash.by });
}

function writtenWeights(weights: OrcaConfig): WrittenParts {
  const { reportingMs, blackoutMs, weightExpirationMs, updateMs, errorUtilizationPenalty } = weights;
  return writtenParts({
    orca: writtenParts({
      oobReportingPeriod: writtenDuration(reportingMs),
      blackoutPeriod: writtenDuration(blackoutMs),
      weightExpirationPeriod: writtenDuration(weightExpirationMs),
      weightUpdatePeriod: writtenDuration(updateMs),
      errorUtilizationPenalty,
    }),
  });
}

function writtenKeepalive({ afterMs, timeoutMs }: KeepaliveConfig): WrittenParts {
  return writtenParts({ after: writtenDuration(afterMs), timeout: writtenDuration(timeoutMs) });
}

function writtenHealth(health: HealthConfig): WrittenParts {
  const { type, service, path, intervalMs, timeoutMs, unhealthyAfter, healthyAfter } = health;
  return writtenParts({
    type,
    service: type === 'grpc' && service !== '' ? service : undefined,
    path: type === 'http' ? path : undefined,
    interval: writtenDuration(intervalMs),
    timeout: writtenDuration(timeoutMs),
    unhealthyAfter,
    healthyAfter,
  });
}

function writtenOutliers({ consecutive, on, ejectionMs, maxEjectedPercent }: OutliersConfig): WrittenParts {
  return writtenParts({
    consecutive,
    on: writtenList(on),
    ejection: writtenDuration(ejectionMs),
    maxEjected: writtenShare(maxEjectedPercent / 100),
  });
}
