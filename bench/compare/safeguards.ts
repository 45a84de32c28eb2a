// What keeps calls away from endpoints that fail, as both Framegate and Envoy have it, and the same set-up of each for both.

import type { TemplateValues } from './template.ts';

export type Safeguard = 'least-requests' | 'health' | 'outliers' | 'deadline' | 'retry';

export const SAFEGUARDS: readonly Safeguard[] = ['least-requests', 'health', 'outliers', 'deadline', 'retry'];

export interface Guarded {
  readonly safeguards: readonly Safeguard[];
  /** The path of a GET that the service answers with 200. */
  readonly healthPath: string;
}

interface Setting {
  readonly framegateRoute?: string;
  readonly framegateUpstream?: string;
  readonly envoyRoute?: string;
  readonly envoyCluster?: string;
}

/** Each setting is one line of YAML. Indentation is added for its place in the template. */
function settingsFor(healthPath: string): Readonly<Record<Safeguard, Setting>> {
  return {
    'least-requests': {
      framegateUpstream: 'balance: least-requests',
      envoyCluster: 'lb_policy: LEAST_REQUEST',
    },
    health: {
      framegateUpstream: `health: { type: http, path: ${healthPath}, interval: 1s, timeout: 1s }`,
      envoyCluster:
        'health_checks: [{ interval: 1s, timeout: 1s, unhealthy_threshold: 3, healthy_threshold: 1, ' +
        `http_health_check: { path: ${healthPath}, codec_client_type: HTTP2 } }]`,
    },
    outliers: { framegateUpstream: 'outliers: {}', envoyCluster: 'outlier_detection: {}' },
    deadline: {
      framegateRoute: 'timeouts: { deadline: 15s, maxDeadline: 1m }',
      // The limit of a call that comes without grpc-timeout, and the maximum of one that comes with it.
      envoyRoute:
        'max_stream_duration: { max_stream_duration: 15s, grpc_timeout_header_max: 60s, grpc_timeout_header_offset: 0.1s }',
    },
    retry: {
      framegateRoute: 'retry: { attempts: 3, on: [UNAVAILABLE] }',
      envoyRoute:
        'retry_policy: { retry_on: "unavailable,reset,connect-failure,refused-stream", num_retries: 2 }',
    },
  };
}

/** @returns the lines of these safeguards for the templates, and the endpoints as both write them */
export function safeguardLines(guarded: Guarded | undefined, ports: readonly number[]): TemplateValues {
  const { safeguards, healthPath } = guarded ?? { safeguards: [], healthPath: '/' };
  const all = settingsFor(healthPath);
  const settings = safeguards.map((safeguard) => all[safeguard]);
  const linesOf = (key: keyof Setting, indentation: number): string =>
    settings
      .map((setting) => setting[key])
      .filter((line) => line !== undefined)
      .map((line) => `${' '.repeat(indentation)}${line}\n`)
      .join('');
  return {
    framegateRouteLines: linesOf('framegateRoute', 4),
    framegateUpstreamLines: linesOf('framegateUpstream', 4),
    framegateEndpoints: JSON.stringify(ports.map((port) => `127.0.0.1:${port}`)),
    envoyRouteLines: linesOf('envoyRoute', 28),
    envoyClusterLines: linesOf('envoyCluster', 6),
    envoyEndpoints: JSON.stringify(
      ports.map((port) => ({
        endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
      })),
    ),
  };
}
