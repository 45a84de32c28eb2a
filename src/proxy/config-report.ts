// The running configuration for the admin API: as resolved, with names of files and never what they hold, and which
// exchanges are still on older ones.

import type { Config } from '../config/config.ts';
import type { ProxySnapshot } from './build-snapshot.ts';
import { daysLeft } from './certificate-expiry.ts';
import { subjectOf } from './certificate-watch.ts';
import type { ReloadReport } from './reloads.ts';
import type { TlsUser } from './tls-users.ts';

interface RunningCall {
  readonly subject: { readonly snapshot: { readonly epoch: number } };
  readonly durationMs: number;
}

export interface OlderEpoch {
  readonly epoch: number;
  readonly exchanges: number;
  /** How long the oldest of them has run. */
  readonly oldestSeconds: number;
}

/** Values of header fields that routes ask for may be secrets. */
const SECRET_NAME = /auth|cookie|token|secret|key|passw/;

export function configReport(
  snapshot: ProxySnapshot,
  calls: readonly RunningCall[],
  users: readonly TlsUser[],
  reloads: ReloadReport,
): unknown {
  return {
    epoch: snapshot.epoch,
    loadedAt: new Date(snapshot.loadedAtEpochMs).toISOString(),
    olderEpochs: olderEpochs(snapshot.epoch, calls),
    reloads,
    certificates: users.flatMap(describeCertificates),
    config: readable(snapshot.config),
  };
}

/** Oldest first. */
export function olderEpochs(current: number, calls: readonly RunningCall[]): readonly OlderEpoch[] {
  const byEpoch = Map.groupBy(calls, ({ subject }) => subject.snapshot.epoch);
  return [...byEpoch]
    .filter(([epoch]) => epoch !== current)
    .toSorted(([a], [b]) => a - b)
    .map(([epoch, group]) => ({
      epoch,
      exchanges: group.length,
      oldestSeconds: Math.floor(group.reduce((most, call) => Math.max(most, call.durationMs), 0) / 1000),
    }));
}

function describeCertificates(user: TlsUser): readonly unknown[] {
  return user.certificates().map((used) => {
    const { certificate, file } = used;
    return {
      [user.kind]: user.name,
      file,
      subject: subjectOf(certificate.subject),
      names: certificate.subjectAltName ?? '',
      serialNumber: certificate.serialNumber,
      notAfter: certificate.validToDate.toISOString(),
      daysLeft: daysLeft(used, Date.now()),
    };
  });
}

function readable(config: Config): unknown {
  return {
    ...config,
    routes: config.routes.map((route) => ({
      ...route,
      match: { ...route.match, headers: Object.fromEntries([...route.match.headers].map(withoutSecret)) },
    })),
  };
}

function withoutSecret([name, value]: readonly [string, string]): readonly [string, string] {
  return [name, SECRET_NAME.test(name) ? '[redacted]' : value];
}
