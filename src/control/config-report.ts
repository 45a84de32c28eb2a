// The running configuration for the admin API, as it was resolved, and which exchanges still use an older one. The report names files
// and never shows their content.

import type { Config } from '../config/config.ts';
import type { ConfigPath } from '../config/config-path.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { Origins } from '../config/problem.ts';
import type { Staple } from '../listeners/staple.ts';
import type { PlaneReport, WorkerDeathsReport } from '../plane/plane.ts';
import type { TlsUser } from '../plane/tls-users.ts';
import type { ReloadReport } from '../sources/file-source.ts';
import { daysLeft } from './certificate-expiry.ts';
import { subjectOf } from './certificate-watch.ts';
import { shownConfig } from './shown-config.ts';

/** The configuration in force. */
export interface CurrentConfig {
  readonly epoch: number;
  readonly config: Config;
  readonly loadedAtEpochMs: number;
  /** Where each part was written. Undefined when that is not known. */
  readonly origins?: Origins | undefined;
}

export function configReport(
  current: CurrentConfig & { readonly warnings: readonly string[] },
  { workerDeaths, ...plane }: PlaneReport,
  users: readonly TlsUser[],
  reloads: ReloadReport,
  known: KnownEndpoints = new Map(),
): Readonly<Record<string, unknown>> {
  return {
    epoch: current.epoch,
    loadedAt: new Date(current.loadedAtEpochMs).toISOString(),
    ...plane,
    ...(workerDeaths && { workerDeaths: describeDeaths(workerDeaths) }),
    reloads,
    /** The warnings about this configuration, worded as in the log. */
    warnings: current.warnings,
    certificates: users.flatMap(describeCertificates),
    config: shownConfig(current.config),
    /** What a relative `config.file` is relative to. */
    workingDirectory: process.cwd(),
    /** Upstreams whose endpoints were last set by a source and not by the configuration. */
    endpoints: Object.fromEntries(
      Array.from(known, ([name, update]) => [name, update.endpoints.map(({ address }) => address.text)]),
    ),
    ...(current.origins && { origins: describeOrigins(current.config, current.origins) }),
  };
}

function describeDeaths({ count, last: { atEpochMs, ...last } }: WorkerDeathsReport): unknown {
  return { count, last: { ...last, at: new Date(atEpochMs).toISOString() } };
}

/** Where each listener, route and upstream was written. */
function describeOrigins({ listeners, routes, upstreams }: Config, origins: Origins): unknown {
  const textOf = (path: ConfigPath): string => origins.originOf(path, 'key').text;
  return {
    listeners: Object.fromEntries(listeners.map(({ name }, index) => [name, textOf(['listeners', index])])),
    routes: Object.fromEntries(routes.map(({ name }, index) => [name, textOf(['routes', index])])),
    upstreams: Object.fromEntries(upstreams.map(({ name }) => [name, textOf(['upstreams', name])])),
  };
}

function describeCertificates(user: TlsUser): readonly unknown[] {
  return user.certificates().map((used) => {
    const { certificate, file, staple } = used;
    return {
      [user.kind]: user.name,
      file,
      subject: subjectOf(certificate.subject),
      names: certificate.subjectAltName ?? '',
      serialNumber: certificate.serialNumber,
      notAfter: certificate.validToDate.toISOString(),
      daysLeft: daysLeft(used, Date.now()),
      ...(staple === undefined ? {} : { ocsp: describeStaple(staple) }),
    };
  });
}

function describeStaple(staple: Staple): unknown {
  const { file, nextUpdateEpochMs } = staple;
  const problem = staple.whyNotServed(Date.now());
  return {
    file,
    ...(nextUpdateEpochMs === undefined ? {} : { nextUpdate: new Date(nextUpdateEpochMs).toISOString() }),
    ...(problem === undefined ? {} : { problem }),
  };
}
