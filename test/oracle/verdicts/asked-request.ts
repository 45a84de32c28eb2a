// A request that both proxies are sent, and what came of it.

export type Field = readonly [name: string, value: string];

export interface AskedRequest {
  /** What is tried with it. Differences are known by it, so that requests of one name have to be treated alike. */
  readonly name: string;
  readonly protocol: 'grpc' | 'http';
  readonly path: string;
  /** In addition to those that each request of its protocol has. */
  readonly fields: readonly Field[];
}

/** What a proxy has made of a request, aspect by aspect: `answer`, and what service and client saw of fields that are edited. */
export type Outcome = ReadonlyMap<string, string>;

/** Fields of requests that say what a proxy has changed. */
export const WATCHED_REQUEST_FIELDS: readonly string[] = [
  'authorization',
  'x-token',
  'x-user',
  'x-team',
  'x-tenant',
  'x_tenant',
  'x-debug',
  'x_debug',
  'x-added',
  'x-client',
  'x-copy',
  'x-path',
  'x-ext-authz-check-result',
  'x-ext-authz-additional-header-override',
];

/** Fields of responses and their trailers. */
export const WATCHED_RESPONSE_FIELDS: readonly string[] = [
  'x-proxy',
  'x-service',
  'x-internal',
  'x-cost',
  'x-seen',
  'x-ext-authz-check-result',
];
