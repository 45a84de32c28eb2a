// What a scenario asks of both proxies, and the configuration of each that says so. Nothing else is set, so that what is left to the
// defaults is compared as well.

export interface EndpointSetUp {
  readonly port: number;
  readonly weight?: number;
  readonly priority?: number;
}

export interface OutliersSetUp {
  readonly consecutive: number;
  readonly ejectionSeconds: number;
  readonly maxEjectedPercent: number;
}

/** Calls of /NAME/... go to this upstream. */
export interface UpstreamSetUp {
  readonly name: string;
  readonly endpoints: readonly EndpointSetUp[];
  readonly balance?: 'round-robin' | 'least-requests' | 'random' | 'ring-hash';
  /** Health is asked for ten times a second, and one answer counts. */
  readonly isHealthChecked?: boolean;
  readonly slowStartSeconds?: number;
  readonly outliers?: OutliersSetUp;
  /** Three attempts, also after CANCELLED and RESOURCE_EXHAUSTED. */
  readonly isRetried?: boolean;
  readonly mostConnections?: number;
}

export interface SetUp {
  readonly workers?: number;
  readonly upstreams: readonly UpstreamSetUp[];
}

export interface Ports {
  readonly listener: number;
  readonly admin: number;
}

/** The header field of which a ring makes its key. */
export const KEY_HEADER = 'x-key';

const RETRIED = ['UNAVAILABLE', 'CANCELLED', 'RESOURCE_EXHAUSTED'];
const ENVOY_RETRY = {
  retry_on: 'unavailable,cancelled,resource-exhausted,reset,connect-failure,refused-stream',
  num_retries: 2,
  retry_back_off: { base_interval: '0.001s' },
};
/** Statuses that Envoy counts as 5xx as well, as far as Framegate can be told to. */
const FAILING = ['UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'DATA_LOSS'];

export function framegateConfiguration({ workers = 1, upstreams }: SetUp, ports: Ports): string {
  return JSON.stringify({
    workers,
    listeners: [{ name: 'clear', address: `127.0.0.1:${ports.listener}` }],
    routes: upstreams.map(({ name, isRetried }) => ({
      name,
      match: { path: `/${name}/*` },
      upstream: name,
      ...(isRetried === true ? { retry: { attempts: 3, on: RETRIED, backoff: '1ms' } } : {}),
    })),
    upstreams: Object.fromEntries(upstreams.map((upstream) => [upstream.name, framegateUpstream(upstream)])),
    log: { access: false },
    admin: { address: `127.0.0.1:${ports.admin}` },
  });
}

function framegateUpstream(upstream: UpstreamSetUp): Readonly<Record<string, unknown>> {
  const {
    endpoints,
    balance = 'round-robin',
    isHealthChecked,
    slowStartSeconds,
    outliers,
    mostConnections,
  } = upstream;
  return {
    endpoints: endpoints.map(({ port, ...more }) => ({ address: `127.0.0.1:${port}`, ...more })),
    balance,
    ...(balance === 'ring-hash' ? { hash: { header: KEY_HEADER } } : {}),
    ...(isHealthChecked === true
      ? { health: { type: 'grpc', interval: '100ms', unhealthyAfter: 1, healthyAfter: 1 } }
      : {}),
    ...(mostConnections === undefined ? {} : { connections: { max: mostConnections } }),
    ...(slowStartSeconds === undefined ? {} : { slowStart: `${slowStartSeconds}s` }),
    ...(outliers === undefined
      ? {}
      : {
          outliers: {
            consecutive: outliers.consecutive,
            ejection: `${outliers.ejectionSeconds}s`,
            maxEjected: `${outliers.maxEjectedPercent}%`,
            on: FAILING,
          },
        }),
  };
}

/** The name of a message of Envoy's API, as Any has it. */
export function envoyType(name: string): Readonly<Record<string, string>> {
  return { '@type': `type.googleapis.com/envoy.${name}` };
}

export function envoyConfiguration({ upstreams }: SetUp, ports: Ports): string {
  const manager = {
    ...envoyType('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'clear',
    codec_type: 'AUTO',
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: upstreams.map((upstream) => envoyRoute(upstream)) },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: envoyType('extensions.filters.http.router.v3.Router'),
      },
    ],
  };
  return JSON.stringify({
    admin: { address: socketAddress(ports.admin) },
    static_resources: {
      listeners: [
        {
          name: 'clear',
          address: socketAddress(ports.listener),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: upstreams.map((upstream) => envoyCluster(upstream)),
    },
  });
}

export function socketAddress(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function envoyRoute({ name, balance, isRetried }: UpstreamSetUp): object {
  const retry = isRetried === true ? { retry_policy: ENVOY_RETRY } : {};
  const hash = balance === 'ring-hash' ? { hash_policy: [{ header: { header_name: KEY_HEADER } }] } : {};
  return { match: { prefix: `/${name}/` }, route: { cluster: name, timeout: '0s', ...hash, ...retry } };
}

const POLICIES = {
  'round-robin': 'ROUND_ROBIN',
  'least-requests': 'LEAST_REQUEST',
  random: 'RANDOM',
  'ring-hash': 'RING_HASH',
} as const;

function envoyCluster(upstream: UpstreamSetUp): object {
  const {
    name,
    endpoints,
    balance = 'round-robin',
    isHealthChecked,
    slowStartSeconds,
    outliers,
    mostConnections,
  } = upstream;
  const slowStart =
    slowStartSeconds === undefined
      ? {}
      : { slow_start_config: { slow_start_window: `${slowStartSeconds}s` } };
  const localities = Map.groupBy(endpoints, ({ priority = 0 }) => priority);
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    ...(mostConnections === undefined
      ? {}
      : { circuit_breakers: { thresholds: [{ max_connections: mostConnections }] } }),
    lb_policy: POLICIES[balance],
    ...(balance === 'round-robin' ? { round_robin_lb_config: slowStart } : {}),
    ...(balance === 'least-requests' ? { least_request_lb_config: slowStart } : {}),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        ...envoyType('extensions.upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    ...(isHealthChecked === true ? { health_checks: [ENVOY_HEALTH] } : {}),
    ...(outliers === undefined ? {} : { outlier_detection: envoyOutliers(outliers) }),
    load_assignment: {
      cluster_name: name,
      endpoints: Array.from(localities, ([priority, members]) => ({
        priority,
        lb_endpoints: members.map(({ port, weight = 1 }) => ({
          endpoint: { address: socketAddress(port) },
          load_balancing_weight: weight,
        })),
      })),
    },
  };
}

const ENVOY_HEALTH = {
  interval: '0.1s',
  // By default a cluster without calls is asked once a minute.
  no_traffic_interval: '0.1s',
  timeout: '1s',
  unhealthy_threshold: 1,
  healthy_threshold: 1,
  grpc_health_check: {},
};

function envoyOutliers({ consecutive, ejectionSeconds, maxEjectedPercent }: OutliersSetUp): object {
  return {
    consecutive_5xx: consecutive,
    consecutive_gateway_failure: consecutive,
    enforcing_consecutive_gateway_failure: 100,
    // How often it looks whether an ejection is over, and forgets one of them: by default every ten seconds.
    interval: '1s',
    base_ejection_time: `${ejectionSeconds}s`,
    max_ejection_percent: maxEjectedPercent,
  };
}
