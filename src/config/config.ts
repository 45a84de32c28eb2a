// The configuration as the running proxy sees it: plain readonly data with units resolved and defaults filled in.
// load-config.ts builds it from the YAML; nothing writes back to it.

import type { TraceConfig } from './trace-config.ts';

export interface Config {
  /** The file that the configuration was read from, as the user named it. */
  readonly file: string;
  /** The number of processes that carry calls; 'auto' depends on the machine. */
  readonly workers: number | 'auto';
  readonly listeners: readonly ListenerConfig[];
  readonly routes: readonly RouteConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly limits: LimitsConfig;
  readonly capacity: CapacityConfig;
  readonly drain: DrainConfig;
  readonly reload: ReloadConfig;
  /** Undefined means that the admin server is switched off (`admin: off`). */
  readonly admin: AdminConfig | undefined;
  readonly log: LogConfig;
  /** Undefined means that calls are not traced. */
  readonly trace?: TraceConfig | undefined;
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
}

/** An address to listen on or connect to. `text` is the address as the user wrote it. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string };

/** A listener can also use a socket that systemd has opened; `socketName` is the FileDescriptorName= of the unit. */
export type ListenAddress =
  | Address
  | { readonly kind: 'systemd'; readonly socketName: string; readonly text: string };

export interface ListenerConfig {
  readonly name: string;
  readonly address: ListenAddress;
  /** The permissions of the file of a Unix socket. Undefined means the umask decides. */
  readonly mode?: number | undefined;
  readonly tls: ListenerTlsConfig | undefined;
  /**
   * The peers (CIDR, or unix:) whose claims about clients (calls/client-claims.ts) are kept and appended to. The claims of all
   * other peers are replaced or removed.
   */
  readonly trustedClients: readonly string[];
  readonly mismatch: MismatchPolicy;
  /** The peers (CIDR, or unix:) whose connections begin with a PROXY protocol header. Undefined means no connection does. */
  readonly proxyProtocol: { readonly trusted: readonly string[] } | undefined;
  /** The time limit for each step of establishing a connection (`limits.openingTimeout`). */
  readonly openingTimeoutMs: number;
  /** The time limit for the header fields of a request, from the first byte to the last (`limits.headerTimeout`). */
  readonly headerTimeoutMs: number;
}

/**
 * What happens to a client that speaks another protocol than the port expects: it gets an explanation in its own protocol
 * ('explain'), its connection is closed ('close'), or, on a TLS listener only, it is served in plaintext ('accept').
 */
export type MismatchPolicy = 'explain' | 'close' | 'accept';

export interface ListenerTlsConfig {
  /** The certificates to choose from by SNI. The first is the default. */
  readonly certificates: readonly CertificateFiles[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** What a client gets if no certificate contains the server name it asks for: the first certificate, or a TLS alert. */
  readonly unknownServerName: 'serve-default' | 'refuse';
}

/** File paths, resolved against the folder of the config file. */
export interface CertificateFiles {
  /** A PEM file with the certificate, followed by its intermediates. */
  readonly cert: string;
  readonly key: string;
  /** A DER file with the OCSP response to staple. */
  readonly ocsp?: string | undefined;
}

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatchConfig;
  /** The prefix, such as '/grpc', that is removed from :path before the request is sent upstream. */
  readonly stripPrefix: string | undefined;
  /** Undefined if there is a split. */
  readonly upstream: string | undefined;
  /** One of these upstreams is drawn for each call, by their weights. Undefined if there is one upstream for all. */
  readonly split?: readonly SplitConfig[] | undefined;
  /** Undefined means gRPC-Web is not served. */
  readonly grpcWeb: GrpcWebConfig | undefined;
  /** Undefined means a call may last and be silent as long as its client likes. */
  readonly timeouts?: RouteTimeoutsConfig | undefined;
  /** Undefined means only what no endpoint has processed is sent again. */
  readonly retry?: RetryConfig | undefined;
  /** False if calls of this route are not traced although others are. */
  readonly isTraced?: boolean | undefined;
  /** Undefined means a call has one attempt at a time. Never together with `retry`. */
  readonly hedge?: HedgeConfig | undefined;
}

/** Undefined means no limit. */
export interface RouteTimeoutsConfig {
  /** The deadline of calls whose clients set none. */
  readonly deadlineMs: number | undefined;
  /** The longest deadline that a client may set. */
  readonly maxDeadlineMs: number | undefined;
  /** How long a direction of a call may be silent until it has ended. */
  readonly idleMs: number | undefined;
}

export interface RetryConfig {
  /** The maximum number of attempts, including the first. */
  readonly attempts: number;
  /** The names of the gRPC statuses after which a call is sent again. */
  readonly on: readonly string[];
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** How long an attempt may be without a response. Undefined means forever. */
  readonly perTryMs: number | undefined;
  /** How long the header section of a response is held back. 0 means not at all. */
  readonly holdMs: number;
}

export interface HedgeConfig {
  /** The maximum number of attempts, including the first. */
  readonly attempts: number;
  /** The time from one attempt to the next. 0 means that all begin at once. */
  readonly delayMs: number;
  /** The names of the gRPC statuses that do not end the call while another attempt may have a better one. */
  readonly on: readonly string[];
}

export interface SplitConfig {
  readonly upstream: string;
  /** Its share of the calls in proportion to the others. From 0 to 1000; the weights of a split are not all 0. */
  readonly weight: number;
}

export interface GrpcWebConfig {
  /** The origins whose pages may call, with credentials. Undefined means every origin, without credentials. */
  readonly origins: readonly string[] | undefined;
}

/** A request matches if every criterion that is given holds. */
export interface RouteMatchConfig {
  /** An exact path ('/a.B/C'), or a prefix that ends in '*' ('/a.B/*'). */
  readonly path: string | undefined;
  /**
   * An exact host ('grpc.example.com'), or a wildcard for one or more labels ('*.example.com'). Hosts are compared in lower
   * case and without their port.
   */
  readonly host: string | undefined;
  /** Maps each header name, in lower case, to the exact value it must have. */
  readonly headers: ReadonlyMap<string, string>;
  /** The name of the listener that the request came in through. */
  readonly listener: string | undefined;
}

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

/** Limits for each connection, downstream and upstream alike. */
export interface LimitsConfig {
  /** The maximum number of streams a client has open on one connection (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly concurrentStreams: number;
  /** The number of bytes a peer may send on one stream before they have been consumed (SETTINGS_INITIAL_WINDOW_SIZE). */
  readonly streamWindowBytes: number;
  /** The number of bytes a peer may send on all streams together before they are credited, which happens on receipt. */
  readonly connectionWindowBytes: number;
  /** The maximum decoded size of a header list (SETTINGS_MAX_HEADER_LIST_SIZE). */
  readonly headerListBytes: number;
  readonly headerFields: number;
  readonly floods: FloodLimitsConfig;
  /** The time limit for each step of establishing a connection. */
  readonly openingTimeoutMs: number;
  /** The time limit for the header fields of a request, from the first byte to the last. */
  readonly headerTimeoutMs: number;
  /** How long a peer may read nothing while data is waiting for it. Undefined means forever. */
  readonly stallTimeoutMs: number | undefined;
  /** The number of bytes that all stalled responses of one connection may buffer together. */
  readonly stalledResponsesBytes: number;
}

/** How many cheap-to-send frames are tolerated on one connection; FloodLimits (h2) has the same members and explains them. */
export interface FloodLimitsConfig {
  readonly resets: number;
  readonly streamErrors: number;
  readonly pings: number;
  readonly settings: number;
  readonly priorities: number;
  readonly windowUpdates: number;
  readonly emptyData: number;
  readonly unknownFrames: number;
  readonly refusedStreams: number;
  readonly goAways: number;
  readonly lateFrames: number;
  readonly settingsEntries: number;
  readonly continuations: number;
  readonly interimResponses: number;
  readonly paddingBytes: number;
  readonly upstreamPaddingBytes: number;
}

/** The keys of `limits` that apply to the whole proxy; 'auto' depends on the machine. */
export interface CapacityConfig {
  readonly connections: number | 'auto';
  /** Undefined means no limit but that of `connections`. */
  readonly connectionsPerAddress: number | 'auto' | undefined;
  /** The age at which a client is asked to reconnect. Undefined means never. */
  readonly connectionAgeMs: number | undefined;
  /** The memory that all processes together may use. Undefined means memory is not watched. */
  readonly memoryBytes: number | 'auto' | undefined;
}

export interface DrainConfig {
  /** How long a stopping process waits for running calls. Undefined means forever. */
  readonly timeoutMs: number | undefined;
  /** How long, before that, the process still accepts connections while it already reports that it is not ready. */
  readonly delayMs: number;
}

/** How often files are checked for changes. Undefined means never. */
export interface ReloadConfig {
  /** The interval for the configuration file. */
  readonly watchMs: number | undefined;
  readonly certificatesMs: number | undefined;
}

export interface AdminConfig {
  readonly address: Address;
  /** Where the token is. It is read when the configuration is put to use, so that the configuration itself holds no secret. */
  readonly token?: AdminTokenSource;
}

export type AdminTokenSource =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'environment'; readonly variable: string };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogConfig {
  readonly level: LogLevel;
  /** Whether one record is written per exchange, or which share of those that succeed has one. */
  readonly access: boolean | { readonly successes: number };
  /** Whether each line begins with its priority as in sd-daemon(3), for a journald that reads standard output. */
  readonly syslogPrefix: boolean;
  /** The file that is written instead of standard output. It takes effect at the start of the process. */
  readonly file: string | undefined;
  /** auto: text if standard output is a terminal, else JSON. It takes effect at the start of the process. */
  readonly format: 'auto' | 'json' | 'text';
}
