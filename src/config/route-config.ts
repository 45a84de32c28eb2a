// The routes of a configuration, in the form the program uses.

import type { AuthorizeConfig } from './authorize-config.ts';
import type { FaultConfig } from './fault-config.ts';
import type { AccessConfig } from './identity-config.ts';
import type { RouteLimitConfig } from './limits-config.ts';

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatchConfig;
  /** The prefix, such as '/grpc', that is removed from :path before the request is sent upstream. */
  readonly stripPrefix: string | undefined;
  /** Undefined if there is a split, or if the route answers its calls itself. */
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
  /** Undefined means that everybody may call. */
  readonly access?: AccessConfig | undefined;
  /** Undefined means that no other service is asked whether calls may pass. */
  readonly authorize?: AuthorizeConfig | undefined;
  /** Undefined means that clients may call and send as much as they like. */
  readonly limits?: readonly RouteLimitConfig[] | undefined;
  /** Undefined means that no faults are injected. */
  readonly fault?: FaultConfig | undefined;
  /** Undefined unless the proxy answers the calls. Then there is no upstream. */
  readonly respond?: RespondConfig | undefined;
  /** Undefined unless the proxy sends the clients elsewhere. Then there is no upstream. */
  readonly redirect?: RedirectConfig | undefined;
  /** Undefined means that no header field is changed. */
  readonly headers?: RouteHeadersConfig | undefined;
  /** The :authority that services are sent. Undefined means that of the client. */
  readonly authority?: string | undefined;
  /** True if each attempt has the :authority of its endpoint. */
  readonly takesEndpointAuthority?: boolean | undefined;
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

/**
 * The method that the configuration itself names, so that its name may be that of a span or a label of a metric. Clients may make up any
 * number of other methods.
 * @returns the path of a route that matches this path alone; undefined for a prefix, or if every path matches
 */
export function methodOfRoute({ match }: Pick<RouteConfig, 'match'>): string | undefined {
  return match.path?.endsWith('*') === true ? undefined : match.path;
}

/** The route answers its calls itself. */
export interface RespondConfig {
  /** From 200 to 599. */
  readonly httpStatus: number;
  /** The name of the gRPC status for gRPC calls. Undefined means the one that gRPC derives from the HTTP status. */
  readonly grpcStatus: string | undefined;
  /** The content of the response, which gRPC calls get as the message of their status. '' means none. */
  readonly body: string;
  /** By name, in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** The route sends its clients to another address. */
export interface RedirectConfig {
  /**
   * The scheme, host and port of the address, such as 'https://www.example.com'; `${host}` in place of the host is that of the request.
   * Undefined means https and the host of the request; '' the scheme, host and port of the request.
   */
  readonly origin: string | undefined;
  /** The path and query of the address. Undefined means those of the request. */
  readonly path: string | undefined;
  readonly httpStatus: 301 | 302 | 303 | 307 | 308;
}

/** What the proxy changes in the header sections that it passes on. */
export interface RouteHeadersConfig {
  readonly request: HeaderChanges;
  readonly response: HeaderChanges;
  readonly trailers: HeaderChanges;
}

/** Names are in lower case. */
export interface HeaderChanges {
  readonly set: ReadonlyMap<string, HeaderTemplate>;
  readonly add: ReadonlyMap<string, HeaderTemplate>;
  readonly remove: readonly string[];
}

/** The parts of a value, one after the other. */
export type HeaderTemplate = readonly HeaderTemplatePart[];

export type HeaderTemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: HeaderVariable }
  /** The value that the client has sent for this header field. */
  | { readonly kind: 'header'; readonly name: string };

/** What a value can name of a call. `client.address` is without port; `host` is as in `match.host`; `path` is the path of the client. */
export type HeaderVariable =
  | 'client.address'
  | 'host'
  | 'listener'
  | 'method'
  | 'path'
  | 'route'
  | 'tls.version';
