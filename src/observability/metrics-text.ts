// The text that Prometheus reads, written by its client library. Loaded when it is first asked for: a proxy whose metrics nobody
// reads does not pay for it.

import type { Registry } from '@prometheus-io/client';
import type { MetricsSnapshot } from './metrics-snapshot.ts';

/** Version 0.0.4, which every Prometheus reads. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export async function renderMetrics(snapshot: MetricsSnapshot): Promise<string> {
  const { default: registry } = await loadRegistry();
  // Its one way in for values that were counted elsewhere; what `aggregate` does with several is done by sumMetrics.
  return registry.aggregate([[...snapshot]]).metrics();
}

/** Only this file of the package: its index brings an HTTP client and OpenTelemetry too, and 12 MB of memory for them. */
function loadRegistry(): Promise<{ readonly default: typeof Registry }> {
  // @ts-expect-error The package describes the types of this file in its index.
  return import('@prometheus-io/client/lib/registry.js');
}
