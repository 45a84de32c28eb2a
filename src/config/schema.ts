// The only description of the YAML: keys, types, ranges, defaults and the purpose of each key. The JSON Schema for editors is
// generated from it, and docs/configuration.md is tested against it.

import { endpointList } from './discovery-schema.ts';
import { listener } from './listener-schema.ts';
import {
  parseHeaderName,
  parseHeaderValue,
  parseHostPattern,
  parsePathPattern,
  parseStripPrefix,
} from './match-criteria.ts';
import { parseOrigin } from './origin.ts';
import { patience } from './patience-schema.ts';
import { hedge, retry, timeouts } from './route-time-schema.ts';
import {
  adminAddress,
  count,
  duration,
  expecting,
  fileName,
  type JsonSchema,
  name,
  off,
  parsed,
  type RawIssue,
  type SchemaIssue,
  size,
  z,
} from './schema-values.ts';
import { endpoint, upstream } from './upstream-schema.ts';

export type { JsonSchema, RawIssue, SchemaIssue };

const match = z
  .strictObject({
    path: parsed('text', parsePathPattern, { examples: ['/package.Service/*', '/package.Service/Method'] })
      .optional()
      .describe(
        'The path, case-sensitive and without its query: exact, or a prefix ending in *. Like nginx location.',
      ),
    host: parsed('text', parseHostPattern, { examples: ['grpc.example.com', '*.example.com'] })
      .optional()
      .describe(
        'The host without its port: exact, or *.example.com for every name below. Like nginx server_name.',
      ),
    headers: z
      .record(
        parsed('text', parseHeaderName),
        parsed('text (put it in quotes)', parseHeaderValue),
        expecting('a map of header names to values'),
      )
      .prefault({})
      .describe('Headers that must be there with exactly these values. Like exact header matches of Envoy.'),
    listener: name.optional().describe('Name of the listener the request came in by. Default: any.'),
  })
  .refine((criteria) => Object.keys(criteria.headers).length > 0 || Object.keys(criteria).length > 1, {
    message: 'needs at least one of path, host, headers, listener',
    params: { hint: 'path: /* matches everything' },
  });

const grpcWebOrigins = z.strictObject({
  origins: z
    .array(
      parsed('an origin such as https://app.example.com', parseOrigin, {
        examples: ['https://app.example.com'],
      }),
    )
    .min(1)
    .describe(
      'Origins of the pages that may call, credentials (cookies) included; other origins are refused.',
    ),
});

const split = z.strictObject({
  upstream: name.describe('Name of the upstream.'),
  weight: count(0, 1000).describe(
    'Its share of the calls beside the others. 0 to 1000. Like Envoy weighted_clusters.',
  ),
});

/** Also reported beside other problems of the route. */
const always = { when: () => true };

const route = z
  .strictObject({
    name: name.optional().describe('Name in logs and metrics. Default: the text of its match.'),
    match: match.describe(
      'Which requests take this route; every criterion that is given must hold. Of several routes that match, the most ' +
        'specific wins, whatever their order in the file.',
    ),
    stripPrefix: parsed('text', parseStripPrefix, { examples: ['/grpc'] })
      .optional()
      .describe(
        'Removed from the front of the path, as whole segments, before the call goes upstream. Like Envoy prefix_rewrite.',
      ),
    upstream: name
      .optional()
      .describe('Name of the upstream the calls go to; either this or split. Like nginx grpc_pass.'),
    split: z
      .array(split)
      .min(1)
      .max(100)
      .optional()
      .describe(
        'Upstreams in place of one, of which one is drawn for each call, by weight. Like nginx split_clients, Envoy weighted_clusters.',
      ),
    grpcWeb: z
      .union([z.boolean(), grpcWebOrigins], expecting('true, false, or a map with origins'))
      .default(false)
      .describe(
        'Also serve browsers that call by gRPC-Web, over HTTP/1.1 and HTTP/2, and answer their CORS preflights. true: pages ' +
          'of every origin, without credentials. Default: false. Like the filters grpc_web and cors of Envoy.',
      ),
    timeouts: timeouts
      .optional()
      .describe('How long a call may take, and be silent. Default: as long as its client likes.'),
    retry: retry
      .optional()
      .describe(
        'Sends gRPC calls again that an endpoint may have processed, so only for methods for which that does no harm. ' +
          'Default: only what no endpoint has processed is sent again.',
      ),
    hedge: hedge
      .optional()
      .describe(
        'Sends unary gRPC calls to several endpoints and passes on the first response, so only for methods for which that does no ' +
          'harm; in place of retry. Default: one endpoint at a time.',
      ),
  })
  .refine((given) => given.upstream !== undefined || given.split !== undefined, {
    message: 'is missing',
    path: ['upstream'],
    ...always,
  })
  .refine((given) => given.upstream === undefined || given.split === undefined, {
    message: 'stands beside upstream, and calls can go by one of them only',
    path: ['split'],
    params: { hint: 'remove one of the two' },
    ...always,
  })
  .refine((given) => given.retry === undefined || given.hedge === undefined, {
    message: 'stands beside retry, and a call can be sent again either after an attempt or beside it',
    path: ['hedge'],
    params: { hint: 'remove one of the two' },
    ...always,
  });

const auto = z.literal('auto');

/** The limits of the whole proxy, and of one client across the whole proxy. */
const capacities = {
  connections: z
    .union([auto, count(1, 1_000_000)], expecting('a whole number, or auto'))
    .default('auto')
    .describe(
      'Connections of clients at a time, over all listeners; more are closed at once. auto: the limit of open files, less ' +
        '200 and less two times what upstreams may open, but half of it at least. 1 to 1000000, or auto. Default: auto. ' +
        'Like HAProxy maxconn.',
    ),
  connectionsPerAddress: z
    .union([auto, off, count(1, 1_000_000)], expecting('a whole number, auto, or off'))
    .default('auto')
    .describe(
      'Those of one address, or of one /64 of IPv6; trustedClients, proxyProtocol.trusted and Unix sockets are not counted. ' +
        'auto: a quarter of connections. 1 to 1000000, auto, or off. Default: auto. Like nginx limit_conn.',
    ),
  connectionAge: z
    .union([off, duration('1s', '720h')], expecting('a duration such as 30m, or off'))
    .prefault('off')
    .describe(
      'Age at which a client is asked to connect again, 10 % more or less; its running calls finish, however long they ' +
        'take. 1s to 720h, or off. Default: off. Like gRPC MAX_CONNECTION_AGE, nginx keepalive_time.',
    ),
  memory: z
    .union([auto, off, size('64MiB', '1023GiB')], expecting('a size such as 2GiB, auto, or off'))
    .prefault('auto')
    .describe(
      'Memory that all processes together may use. At 80 % caches are given back, from 90 % new calls are refused, from ' +
        '97 % new connections. auto: 0.9 of what the cgroup allows, where it has a limit. 64MiB to 1023GiB, auto, or off. ' +
        'Default: auto. Like Envoy overload_manager.',
    ),
};

const limits = z.strictObject({
  ...capacities,
  concurrentStreams: count(1, 1_000_000)
    .default(128)
    .describe(
      'Calls a client may have open on one connection. 1 to 1000000. Default: 128. Like nginx http2_max_concurrent_streams.',
    ),
  streamWindow: size('65535', '2147483647')
    .prefault('128KiB')
    .describe(
      'Bytes a peer may send on one stream before they are taken (SETTINGS_INITIAL_WINDOW_SIZE). 65535 to 2147483647. ' +
        'Default: 128KiB. Like Envoy initial_stream_window_size.',
    ),
  connectionWindow: size('65535', '2147483647')
    .prefault('1MiB')
    .describe(
      'Bytes a peer may send ahead on one connection. 65535 to 2147483647. Default: 1MiB. ' +
        'Like Envoy initial_connection_window_size.',
    ),
  headerListSize: size('8KiB', '1MiB')
    .prefault('16KiB')
    .describe(
      'Decoded size of the headers of a request or a response (SETTINGS_MAX_HEADER_LIST_SIZE). 8KiB to 1MiB. ' +
        'Default: 16KiB. Like nginx large_client_header_buffers.',
    ),
  headerFields: count(16, 10_000)
    .default(128)
    .describe(
      'Header fields of a request or a response, those that begin with ":" and those that are not passed on included. 16 to 10000. Default: 128. Like Envoy max_headers_count.',
    ),
  ...patience,
});

const drain = z.strictObject({
  timeout: z
    .union([off, duration('0s', '24h')], expecting('a duration such as 30s, or off'))
    .prefault('30s')
    .describe(
      'How long running calls are waited for; off: for ever. 0s to 24h. Default: 30s. Like nginx worker_shutdown_timeout.',
    ),
  delay: duration('0s', '1h')
    .prefault('0s')
    .describe(
      'How long listeners stay open while /ready says 503 already, so that load balancers notice. 0s to 1h. Default: 0s. ' +
        'Like Envoy drain_time_s.',
    ),
});

const interval = z.union([off, duration('100ms', '1h')], expecting('a duration such as 10s, or off'));

const reload = z.strictObject({
  watch: interval
    .prefault('off')
    .describe(
      'How often this file is looked at; a change is taken up as SIGHUP does it. 100ms to 1h, or off. Default: off.',
    ),
  certificates: interval
    .prefault('10s')
    .describe(
      'How often the files of certificates, keys and authorities are looked at; what has changed is used for new ' +
        'connections. 100ms to 1h, or off: only with a reload. Default: 10s.',
    ),
});

const admin = z.strictObject({
  address: adminAddress
    .prefault('127.0.0.1:9901')
    .describe('Where the admin server listens. Default: 127.0.0.1:9901. Like Envoy admin.address.'),
});

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('The least important records that are written. Default: info. Like nginx error_log.'),
  access: z
    .boolean(expecting('true or false'))
    .default(true)
    .describe('One record per call. Default: true. Like nginx access_log.'),
  syslogPrefix: z
    .boolean(expecting('true or false'))
    .default(false)
    .describe(
      'Begins each line with its priority, <4> for a warning, which journald takes off and files the line by. ' +
        'Default: false. Like systemd SyslogLevelPrefix.',
    ),
  file: fileName
    .optional()
    .describe(
      'A file that the log goes to instead of standard output, relative to this one. It is opened again at SIGHUP, ' +
        'SIGUSR1 and POST /api/reload, for logrotate. Default: standard output. Like nginx error_log FILE.',
    ),
  format: z
    .enum(['auto', 'json', 'text'])
    .default('auto')
    .describe(
      'How records are written to standard output: JSON lines, or text for people. auto: text on a terminal, ' +
        'JSON everywhere else. Default: auto. Like zap encoding.',
    ),
});

const configSchema = z
  .strictObject({
    workers: z
      .union([auto, count(1, 256)], expecting('a whole number, or auto'))
      .default('auto')
      .describe(
        'Processes that carry calls, each on a core. auto: as many as there are cores. 1: one process in all. Above that one ' +
          'more, which accepts connections. 1 to 256, or auto. Default: auto. Like nginx worker_processes.',
      ),
    listeners: z.array(listener).min(1).describe('Where clients connect to.'),
    routes: z.array(route).min(1).describe('Which calls go to which upstream. Their order does not matter.'),
    upstreams: z
      .record(name, upstream, expecting('a map of names to upstreams'))
      .refine((upstreams) => Object.keys(upstreams).length > 0, 'must not be empty')
      .describe('Groups of servers, by name.'),
    zone: name
      .optional()
      .describe(
        'Where this proxy runs, for upstreams.NAME.zone. Default: the environment variable FRAMEGATE_ZONE. Like Envoy --service-zone.',
      ),
    limits: limits
      .prefault({})
      .describe('Limits of every connection, towards clients and towards upstreams, and of all together.'),
    drain: drain.prefault({}).describe('How the process stops.'),
    reload: reload.prefault({}).describe('What is taken up by itself, beside SIGHUP and POST /api/reload.'),
    admin: z
      .union([off, admin], expecting('a map with an address, or off'))
      .prefault({})
      .describe('The admin server: health, metrics and the state of the proxy. off: none.'),
    log: log.prefault({}).describe('Log records, as JSON lines.'),
  })
  .meta({
    title: 'Framegate configuration',
    // load-config.ts removes these keys before anything is checked.
    patternProperties: { '^x-': { description: 'Anything: a place for anchors (x-NAME: &anchor).' } },
  });

/** The YAML with texts parsed and defaults filled in, but still in the shape of the file. */
export type ValidConfig = z.output<typeof configSchema>;
export type ValidRoute = ValidConfig['routes'][number];

/** @param describe words the issues for which the schema has no message of its own */
export function validate(
  value: unknown,
  describe: (issue: RawIssue) => string,
): { readonly config: ValidConfig } | { readonly issues: readonly SchemaIssue[] } {
  const result = configSchema.safeParse(value, { error: describe });
  return result.success ? { config: result.data } : { issues: result.error.issues };
}

/** Validates one route alone, so that routes can be checked even if the rest of the file is invalid. */
export function validateRoute(value: unknown): ValidRoute | undefined {
  return route.safeParse(value).data;
}

const list = endpointList(endpoint);

/** Validates what the admin API is sent as the endpoints of an upstream. */
export function validateEndpointList(
  value: unknown,
  describe: (issue: RawIssue) => string,
): { readonly list: z.output<typeof list> } | { readonly issues: readonly SchemaIssue[] } {
  const result = list.safeParse(value, { error: describe });
  return result.success ? { list: result.data } : { issues: result.error.issues };
}

export function jsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' });
}
