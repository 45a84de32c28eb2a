// Renders metrics as the text that Prometheus reads, with its client library. The library is loaded at the first request, so a
// proxy whose metrics nobody reads does not pay for it.

import type { Registry } from '@prometheus-io/client';
import type { MetricsSnapshot } from './metrics-snapshot.ts';

/** Version 0.0.4 of the format, which every Prometheus reads. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export async function renderMetrics(snapshot: MetricsSnapshot): Promise<string> {
  const { default: registry } = await loadRegistry();
  // `aggregate` is the library's only entry for values that were counted elsewhere. sumMetrics has already combined several.
  return registry.aggregate([[...snapshot]]).metrics();
}

/** Imports only this file of the package, because its index also loads an HTTP client and OpenTelemetry, which take 12 MB. */
function loadRegistry(): Promise<{ readonly default: typeof Registry }> {
  // @ts-expect-error The package describes the types of this file in its index.
  return import('@prometheus-io/client/lib/registry.js');
}
