// The running configuration for the admin API, as it was resolved, and which exchanges still use an older one. The report names files
// and never shows their content.

import type { Config } from '../config/config.ts';
import type { ConfigPath } from '../config/config-path.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import { templateText } from '../config/header-template.ts';
import type { Origins } from '../config/problem.ts';
import type { HeaderChanges, HeaderTemplate, RouteConfig } from '../config/route-config.ts';
import { isSecretName } from '../config/secret-name.ts';
import type { Staple } from '../listeners/staple.ts';
import type { PlaneReport } from '../plane/plane.ts';
import type { TlsUser } from '../plane/tls-users.ts';
import type { ReloadReport } from '../sources/file-source.ts';
import { daysLeft } from './certificate-expiry.ts';
import { subjectOf } from './certificate-watch.ts';

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
  plane: PlaneReport,
  users: readonly TlsUser[],
  reloads: ReloadReport,
  known: KnownEndpoints = new Map(),
): Readonly<Record<string, unknown>> {
  return {
    epoch: current.epoch,
    loadedAt: new Date(current.loadedAtEpochMs).toISOString(),
    ...plane,
    reloads,
    /** The warnings about this configuration, worded as in the log. */
    warnings: current.warnings,
    certificates: users.flatMap(describeCertificates),
    config: readable(current.config),
    /** What a relative `config.file` is relative to. */
    workingDirectory: process.cwd(),
    /** Upstreams whose endpoints were last set by a source and not by the configuration. */
    endpoints: Object.fromEntries(
      Array.from(known, ([name, update]) => [name, update.endpoints.map(({ address }) => address.text)]),
    ),
    ...(current.origins && { origins: describeOrigins(current.config, current.origins) }),
  };
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

function readable(config: Config): unknown {
  return {
    ...config,
    routes: config.routes.map(readableRoute),
    ...(config.trace && { trace: { ...config.trace, headers: redacted(config.trace.headers) } }),
  };
}

function readableRoute(route: RouteConfig): unknown {
  const { match, respond, headers } = route;
  return {
    ...route,
    match: { ...match, headers: readableFields(match.headers) },
    ...(respond && { respond: { ...respond, headers: readableFields(respond.headers) } }),
    ...(headers && {
      headers: {
        request: readableChanges(headers.request),
        response: readableChanges(headers.response),
        trailers: readableChanges(headers.trailers),
      },
    }),
  };
}

function readableChanges({ set, add, remove }: HeaderChanges): unknown {
  return { set: readableTemplates(set), add: readableTemplates(add), remove };
}

/** Values as the configuration has them. */
function readableTemplates(templates: ReadonlyMap<string, HeaderTemplate>): Readonly<Record<string, string>> {
  return readableFields(new Map(Array.from(templates, ([name, template]) => [name, templateText(template)])));
}

function readableFields(fields: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from(fields, withoutSecret));
}

function redacted(headers: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from(headers.keys(), (name) => [name, '[redacted]']));
}

/** The header values that routes match or set may be secrets. */
function withoutSecret([name, value]: readonly [string, string]): readonly [string, string] {
  return [name, isSecretName(name) ? '[redacted]' : value];
}
