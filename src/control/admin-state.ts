// What the admin server shows of a running proxy, and what it may ask of it.

import type { AdminState } from '../admin/admin-pages.ts';
import type { Logger } from '../observability/logger.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { Plane } from '../plane/plane.ts';
import type { Discovery } from '../sources/discovery.ts';
import type { EndpointBook } from '../sources/endpoint-book.ts';
import type { FileSource } from '../sources/file-source.ts';
import { type CurrentConfig, configReport } from './config-report.ts';
import { controlMetrics } from './control-metrics.ts';
import type { Dashboard } from './dashboard.ts';
import { dnsMetrics } from './dns-metrics.ts';
import { EndpointStates } from './endpoint-states.ts';
import { LogLevelApi } from './log-level.ts';
import { rpcState } from './rpc-state.ts';
import type { SpanExport } from './span-export.ts';
import { UpstreamApi } from './upstream-api.ts';
import type { Watches } from './watches.ts';

const RELOAD_STATUS = { reloaded: 200, refused: 422, failed: 500, ignored: 409 } as const;

/** The parts of a proxy that are shown or asked. */
export interface ShownParts extends Pick<AdminState, 'readiness' | 'drain'> {
  readonly plane: Plane;
  readonly file: FileSource;
  readonly endpoints: EndpointBook;
  readonly discovery: Discovery;
  readonly watches: Watches;
  readonly dashboard: Dashboard;
  /** What the admin server counts of itself. */
  readonly adminMetrics: () => MetricsSnapshot;
  readonly spans: Pick<SpanExport, 'metrics' | 'report'>;
  readonly logger: Logger;
  /** The configuration in force, with the warnings about it. */
  readonly current: () => CurrentConfig & { readonly warnings: readonly string[] };
}

export function adminState(parts: ShownParts): AdminState {
  const { plane, file, endpoints, discovery, watches, dashboard, spans, logger } = parts;
  const { current, readiness, drain, adminMetrics } = parts;
  return {
    readiness,
    diagnoses: () => watches.diagnoses.report(),
    metrics: async () => {
      const ofPlane = await plane.metrics();
      return [
        ...ofPlane,
        ...controlMetrics(file.report, plane.tlsUsers, endpoints.counts),
        ...dnsMetrics(discovery.dns.reports),
        ...watches.metrics,
        ...adminMetrics(),
        ...spans.metrics,
      ];
    },
    config: async () => {
      const report = await plane.report();
      const { stores, keys } = watches;
      const traces = spans.report;
      const config = configReport(current(), report, plane.tlsUsers, file.report, endpoints.known);
      return {
        ...config,
        ...(keys.length > 0 && { keys }),
        ...(stores.length > 0 && { stores }),
        ...(traces !== undefined && { traces }),
      };
    },
    upstreams: new UpstreamApi({
      discovery,
      config: () => current().config,
      known: () => endpoints.known,
      states: new EndpointStates(plane, watches),
    }),
    exchanges: (query) => plane.exchanges(query),
    subscribe: (query, sink) => plane.subscribe(query, sink),
    dashboard: (sink) => dashboard.subscribe(sink),
    reload: async (client) => {
      const result = await file.reload('api', client);
      return { status: RELOAD_STATUS[result.result], body: result };
    },
    drain,
    logLevel: new LogLevelApi(logger, plane),
    rpc: rpcState(plane, () => current().config),
  };
}
