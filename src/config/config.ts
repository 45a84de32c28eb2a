// The configuration as the running proxy sees it: plain readonly data with units resolved and defaults filled in.
// load-config.ts builds it from the YAML; nothing writes back to it.

import type { Address, ListenAddress } from './address.ts';
import type { IdentityConfig } from './identity-config.ts';
import type { LogConfig } from './log-config.ts';
import type { MetricsConfig } from './metrics-config.ts';
import type { RouteConfig } from './route-config.ts';
import type { StoreConfig } from './stores-config.ts';
import type { TraceConfig } from './trace-config.ts';
import type { UpstreamConfig } from './upstream-config.ts';

export interface Config {
  /** The file that the configuration was read from, as the user named it. */
  readonly file: string;
  /** The number of processes that carry calls; 'auto' depends on the machine. */
  readonly workers: number | 'auto';
  readonly listeners: readonly ListenerConfig[];
  readonly routes: readonly RouteConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly identities?: readonly IdentityConfig[];
  /** Where limits that several machines share are counted. */
  readonly stores?: readonly StoreConfig[];
  readonly limits: LimitsConfig;
  readonly capacity: CapacityConfig;
  readonly drain: DrainConfig;
  readonly reload: ReloadConfig;
  /** Undefined means that the admin server is switched off (`admin: off`). */
  readonly admin: AdminConfig | undefined;
  readonly log: LogConfig;
  /** Undefined means the usual metrics. */
  readonly metrics?: MetricsConfig | undefined;
  /** Undefined means that calls are not traced. */
  readonly trace?: TraceConfig | undefined;
}

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
  /** Undefined means that clients are not asked for certificates. */
  readonly clientAuth?: ClientAuthConfig | undefined;
  /** What a client gets if no certificate contains the server name it asks for: the first certificate, or a TLS alert. */
  readonly unknownServerName: 'serve-default' | 'refuse';
}

export interface ClientAuthConfig {
  /** A PEM file with the authorities whose certificates are accepted. */
  readonly ca: string;
  /** A PEM file with the lists of certificates that these have revoked. */
  readonly crl?: string | undefined;
  /** Whether clients without a certificate are turned away ('require') or served ('request'). */
  readonly mode: 'require' | 'request';
  /** Undefined means that services are not told of certificates. */
  readonly forward?: CertificateForwarding | undefined;
}

/** What services are told of the certificate of a client, in x-forwarded-client-cert. */
export interface CertificateForwarding {
  readonly fields: readonly CertificateField[];
  /** Whether what a trusted client says of other certificates stays alone ('keep'), or before that of its own ('append'). */
  readonly fromTrustedClients: 'append' | 'keep';
}

export type CertificateField = 'by' | 'hash' | 'cert' | 'subject' | 'uri' | 'dns';

/** File paths, resolved against the folder of the config file. */
export interface CertificateFiles {
  /** A PEM file with the certificate, followed by its intermediates. */
  readonly cert: string;
  readonly key: string;
  /** A DER file with the OCSP response to staple. */
  readonly ocsp?: string | undefined;
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
