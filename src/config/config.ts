// The configuration as the running proxy sees it: plain readonly data with units resolved and defaults filled in.
// Built from the YAML by load-config.ts; nothing writes back to it.

export interface Config {
  /** The file it was read from, as the user named it. */
  readonly file: string;
  /** Processes that carry calls; 'auto' depends on the machine it runs on. */
  readonly workers: number | 'auto';
  readonly listeners: readonly ListenerConfig[];
  readonly routes: readonly RouteConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly limits: LimitsConfig;
  readonly capacity: CapacityConfig;
  readonly drain: DrainConfig;
  readonly reload: ReloadConfig;
  /** Undefined when switched off (`admin: off`). */
  readonly admin: AdminConfig | undefined;
  readonly log: LogConfig;
}

/** Where to listen or to connect. `text` is the address as written. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string };

/** A listener may also take a socket that systemd has opened, by the FileDescriptorName= of its unit. */
export type ListenAddress =
  | Address
  | { readonly kind: 'systemd'; readonly socketName: string; readonly text: string };

export interface ListenerConfig {
  readonly name: string;
  readonly address: ListenAddress;
  /** Permissions of the file of a unix socket; undefined: what the umask leaves. */
  readonly mode?: number | undefined;
  readonly tls: ListenerTlsConfig | undefined;
  /** Peers (CIDR) whose claims about clients (calls/client-claims.ts) are kept and appended to; those of all others are replaced or removed. */
  readonly trustedClients: readonly string[];
  readonly mismatch: MismatchPolicy;
  /** Peers (CIDR, or unix:) whose connections begin with a PROXY protocol header; undefined: nobody's do. */
  readonly proxyProtocol: { readonly trusted: readonly string[] } | undefined;
  /** `limits.openingTimeout`: for each step until a connection is one. */
  readonly openingTimeoutMs: number;
  /** `limits.headerTimeout`: for the header fields of a request, from the first octet to the last. */
  readonly headerTimeoutMs: number;
}

/**
 * What becomes of a client that speaks another protocol than the port: it is told so in its own language, its
 * connection is closed, or (TLS listeners only) it is served in the clear.
 */
export type MismatchPolicy = 'explain' | 'close' | 'accept';

export interface ListenerTlsConfig {
  /** Chosen by SNI; the first is the default. */
  readonly certificates: readonly CertificateFiles[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** What a client gets whose server name no certificate holds: the first certificate, or a TLS alert. */
  readonly unknownServerName: 'serve-default' | 'refuse';
}

/** Paths, resolved against the folder of the config file. */
export interface CertificateFiles {
  /** PEM: the certificate, then its intermediates. */
  readonly cert: string;
  readonly key: string;
  /** DER: an OCSP response to staple. */
  readonly ocsp?: string | undefined;
}

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatchConfig;
  /** Removed from the front of :path before the request is sent upstream, e.g. '/grpc'. */
  readonly stripPrefix: string | undefined;
  readonly upstream: string;
  /** Undefined: gRPC-Web is not served. */
  readonly grpcWeb: GrpcWebConfig | undefined;
}

export interface GrpcWebConfig {
  /** Origins of the pages that may call; undefined: all, but without credentials. */
  readonly origins: readonly string[] | undefined;
}

/** Every criterion that is given must hold. */
export interface RouteMatchConfig {
  /** Exact ('/a.B/C'), or a prefix that ends in '*' ('/a.B/*'). */
  readonly path: string | undefined;
  /** Exact ('grpc.example.com'), or a wildcard for one or more labels ('*.example.com'); compared in lower case, without port. */
  readonly host: string | undefined;
  /** Lower-case header name to its exact value. */
  readonly headers: ReadonlyMap<string, string>;
  /** Name of a listener. */
  readonly listener: string | undefined;
}

export interface UpstreamConfig {
  readonly name: string;
  /** HTTP/2 in the clear, HTTP/2 over TLS, or HTTP/1.1 (over TLS where `tls` is given). */
  readonly protocol: 'h2c' | 'h2' | 'http1';
  /** Undefined in the clear. */
  readonly tls: UpstreamTlsConfig | undefined;
  readonly endpoints: readonly Address[];
  readonly balance: 'round-robin';
  readonly connections: UpstreamConnectionsConfig;
}

/** Files are paths resolved against the folder of the config file. */
export interface UpstreamTlsConfig {
  /** Authorities to trust; undefined: those that Node knows. */
  readonly ca: string | undefined;
  /** What the proxy shows of itself; `cert` and `key` are given together or not at all. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** For SNI and the certificate; undefined: the host of the endpoint. */
  readonly serverName: string | undefined;
}

export interface UpstreamConnectionsConfig {
  /** For TCP connect and the peer's first SETTINGS together. */
  readonly connectTimeoutMs: number;
  /** Connections to one endpoint at most; beyond them calls wait for a free stream. */
  readonly max: number;
  /** Calls that may wait for a connection or a free stream of one upstream; more get UNAVAILABLE. */
  readonly maxPending: number;
}

/** Per connection, towards clients and towards upstreams alike. */
export interface LimitsConfig {
  /** Streams a client may have open on one connection (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly concurrentStreams: number;
  /** Octets a peer may send on one stream before they are taken (SETTINGS_INITIAL_WINDOW_SIZE). */
  readonly streamWindowBytes: number;
  /** Octets a peer may send ahead on all streams together; credited on receipt. */
  readonly connectionWindowBytes: number;
  /** Decoded size of a header list (SETTINGS_MAX_HEADER_LIST_SIZE). */
  readonly headerListBytes: number;
  readonly headerFields: number;
  readonly floods: FloodLimitsConfig;
  /** For each step until a connection is one. */
  readonly openingTimeoutMs: number;
  /** For the header fields of a request, from the first octet to the last. */
  readonly headerTimeoutMs: number;
  /** How long a peer may take nothing of what there is for it; undefined: for ever. */
  readonly stallTimeoutMs: number | undefined;
  /** What the stalled responses of one connection may hold together. */
  readonly stalledResponsesBytes: number;
}

/** How much of what costs its sender little is borne on a connection; see FloodLimits, which has the same members. */
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

/** The keys of `limits` that hold for the whole proxy; 'auto' depends on the machine it runs on. */
export interface CapacityConfig {
  readonly connections: number | 'auto';
  /** Undefined: as many as there may be. */
  readonly connectionsPerAddress: number | 'auto' | undefined;
  /** When clients are asked to connect again; undefined: never. */
  readonly connectionAgeMs: number | undefined;
  /** What all processes together may use; undefined: not watched. */
  readonly memoryBytes: number | 'auto' | undefined;
}

export interface DrainConfig {
  /** How long a stopping process waits for running calls; undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** How long it goes on to accept connections before that, not ready any more. */
  readonly delayMs: number;
}

/** How often files are looked at; undefined: never. */
export interface ReloadConfig {
  /** The configuration itself. */
  readonly watchMs: number | undefined;
  readonly certificatesMs: number | undefined;
}

export interface AdminConfig {
  readonly address: Address;
}

export interface LogConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** One record per exchange. */
  readonly access: boolean;
  /** Each line begins with its priority as sd-daemon(3) has it, for a journald that reads standard output. */
  readonly syslogPrefix: boolean;
}
