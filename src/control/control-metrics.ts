// The metrics that only the control part of the proxy knows: reloads, endpoint updates, certificates in use, and the program's version.

import {
  counterFamily,
  gaugeFamily,
  type MetricsSnapshot,
  type MetricValue,
  single,
} from '../observability/metrics-snapshot.ts';
import { packageVersion } from '../observability/package-version.ts';
import type { TlsUser } from '../plane/tls-users.ts';
import type { EndpointVerdict } from '../sources/endpoint-book.ts';
import type { ReloadReport } from '../sources/file-source.ts';

export function controlMetrics(
  reloads: ReloadReport,
  users: readonly TlsUser[],
  endpointUpdates: Readonly<Record<EndpointVerdict, number>>,
): MetricsSnapshot {
  const { reloaded, refused, failed, lastError } = reloads;
  return [
    counterFamily(
      'framegate_config_reloads_total',
      'Reloads of the configuration: reloaded, refused because of what is wrong with it, or failed by a fault of ours.',
      Object.entries({ reloaded, refused, failed }).map(([result, value]) => ({ labels: { result }, value })),
    ),
    gaugeFamily(
      'framegate_config_reload_refused',
      '1 if the last reload was refused or has failed, so that the configuration is not that of the file; 0 otherwise.',
      single(lastError === undefined ? 0 : 1),
      'max',
    ),
    counterFamily(
      'framegate_endpoint_updates_total',
      'What sources said of endpoints: accepted, unchanged, stale, of an unknown upstream, or with too many endpoints.',
      Object.entries(endpointUpdates).map(([result, value]) => ({ labels: { result }, value })),
    ),
    gaugeFamily(
      'framegate_certificate_expiry_seconds',
      'When a certificate in use expires (notAfter), as seconds since 1970.',
      users.flatMap(expiryValues),
      'min',
    ),
    gaugeFamily(
      'framegate_build_info',
      'Always 1; the labels are what counts.',
      [{ labels: { version: packageVersion(), node: process.versions.node }, value: 1 }],
      'max',
    ),
  ];
}

function expiryValues(user: TlsUser): readonly MetricValue[] {
  return user.certificates().map(({ file, certificate }) => ({
    labels: { kind: user.kind, name: user.name, file },
    value: certificate.validToDate.getTime() / 1000,
  }));
}
