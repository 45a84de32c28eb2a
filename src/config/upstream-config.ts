// The upstreams of a configuration, in the form the program uses.

import type { Address } from './address.ts';

export interface UpstreamConfig {
  readonly name: string;
  /** Plaintext HTTP/2, HTTP/2 over TLS, or HTTP/1.1 (over TLS if `tls` is given). */
  readonly protocol: 'h2c' | 'h2' | 'http1';
  /** Undefined means plaintext. */
  readonly tls: UpstreamTlsConfig | undefined;
  /** Empty if the endpoints are discovered. */
  readonly endpoints: readonly EndpointState[];
  /** Where the endpoints come from. Undefined means that the configuration lists them. */
  readonly discovery?: Discovery;
  readonly balance: 'round-robin' | 'least-requests' | 'random' | 'ring-hash';
  /** What a call is kept at an endpoint by. Undefined unless `balance` is ring-hash. */
  readonly hash: HashConfig | undefined;
  /** How the load reports of the endpoints become weights. Undefined means that weights are those of the endpoints' states. */
  readonly weights?: OrcaConfig | undefined;
  /** From 0 to 1: if fewer endpoints of a priority can be used, excluded ones get calls as well. 0 means never. */
  readonly panicShare: number;
  /** The zone whose endpoints get calls first. Undefined means that zones do not matter. */
  readonly preferredZone: string | undefined;
  /** How long an endpoint that is new or back gets fewer calls. Undefined means not at all. */
  readonly slowStartMs: number | undefined;
  readonly streams: StreamsConfig;
  readonly connections: UpstreamConnectionsConfig;
  /** What may wait is in `connections.maxPending`, by whichever key it was set. */
  readonly limits: UpstreamLimitsConfig;
  /** Undefined means that silence is not noticed, which is always so over HTTP/1.1. */
  readonly keepalive?: KeepaliveConfig | undefined;
  /** Undefined means that endpoints are not checked. */
  readonly health?: HealthConfig | undefined;
  /** Undefined means that endpoints are not ejected. */
  readonly outliers?: OutliersConfig | undefined;
}

/** The parameters of gRFC A58. */
export interface OrcaConfig {
  /** How often an endpoint is asked to report its load. */
  readonly reportingMs: number;
  /** How long an endpoint must have reported until its weight counts. */
  readonly blackoutMs: number;
  /** How long a weight counts without a further report. */
  readonly weightExpirationMs: number;
  /** How often the newest weights are put to use. */
  readonly updateMs: number;
  /** What errors per request are multiplied by before they are added to the utilization. */
  readonly errorUtilizationPenalty: number;
}

export interface OutliersConfig {
  /** How many failures in a row eject an endpoint. */
  readonly consecutive: number;
  /** The names of the gRPC statuses that count as failures. */
  readonly on: readonly string[];
  /** How long the first ejection lasts; the second in a row lasts twice as long, and so on. */
  readonly ejectionMs: number;
  /** How many of the endpoints may be ejected at the same time, but one in any case. */
  readonly maxEjectedPercent: number;
}

/** What all calls of one upstream together may take. */
export interface UpstreamLimitsConfig {
  /** The maximum number of calls of one process at the upstream; further calls get UNAVAILABLE. Undefined means no limit. */
  readonly streams?: number | undefined;
  /** The share of the calls that may be in a further attempt granted by the `retry` of a route. From 0 to 1. */
  readonly retries: number;
}

/** When an endpoint that has calls is asked whether it is still there, and how long it has to answer. */
export interface KeepaliveConfig {
  /** The time since the last byte from it. */
  readonly afterMs: number;
  readonly timeoutMs: number;
}

export interface HealthConfig {
  readonly type: 'grpc' | 'http' | 'tcp';
  /** For type grpc: the service whose health is asked for. '' is the server as a whole. */
  readonly service: string;
  /** For type http. */
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** How many failed checks in a row make an endpoint unhealthy. */
  readonly unhealthyAfter: number;
  /** How many passed checks in a row make it healthy again. */
  readonly healthyAfter: number;
}

/** 'api' means the admin API. */
export type Discovery = ({ readonly kind: 'dns' } & DnsConfig) | { readonly kind: 'api' };

/** A name in DNS whose records are the endpoints of an upstream. */
export interface DnsConfig {
  /** In lower case, perhaps with a dot at its end. */
  readonly name: string;
  /** The port of all endpoints. Undefined with SRV, whose records name the ports. */
  readonly port?: number | undefined;
  /** 'A' means the addresses of both families. */
  readonly type: 'A' | 'AAAA' | 'SRV';
  /** How long an answer holds at least and at most, whatever its time to live. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
}

/** What calls are kept together by: a header field, the address of the client, or the path. */
export type HashConfig =
  | { readonly by: 'header'; readonly name: string }
  | { readonly by: 'client' }
  | { readonly by: 'path' };

/** When streams are ended so that they spread over the endpoints again. Undefined means never. */
export interface StreamsConfig {
  /** The age at which a stream ends, 10 % more or less. */
  readonly maxAgeMs: number | undefined;
  /** The time over which streams are moved to an endpoint that has joined or come back. */
  readonly rebalanceMs: number | undefined;
}

/** All files are paths resolved against the folder of the config file. */
export interface UpstreamTlsConfig {
  /** The certificate authorities to trust. Undefined means those built into Node. */
  readonly ca: string | undefined;
  /** The client certificate that the proxy presents; `cert` and `key` are either both given or both undefined. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The name to send as SNI and to verify the certificate against. Undefined means the host of the endpoint. */
  readonly serverName: string | undefined;
}

export interface UpstreamConnectionsConfig {
  /** The time limit for the TCP connect and the peer's first SETTINGS together. */
  readonly connectTimeoutMs: number;
  /** The maximum number of connections to one endpoint; further calls wait for a free stream. */
  readonly max: number;
  /** The maximum number of calls that wait for a connection or a free stream of one upstream; further calls get UNAVAILABLE. */
  readonly maxPending: number;
}

/** One endpoint, as the configuration or another source describes it. */
export interface EndpointState {
  readonly address: Address;
  /** Its share of the calls, in proportion to those of the other endpoints. From 1 to 1000. */
  readonly weight: number;
  /** From 0 to 127. Calls go to endpoints of a higher number when too few of those of lower numbers can be used. */
  readonly priority: number;
  /** Where the endpoint runs. Undefined means that nobody has said. */
  readonly zone?: string | undefined;
  /** Host and port by the name in DNS that the endpoint was found by. Undefined means that it has only its address. */
  readonly authority?: string | undefined;
}
