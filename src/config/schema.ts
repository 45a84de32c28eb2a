// The one description of the YAML: keys, types, ranges, defaults and what each is for. The JSON Schema for editors is
// generated from it, and docs/configuration.md is tested against it. The only file that knows zod.

import { z } from 'zod';
import { parseAddress, parseNetwork } from './address.ts';
import {
  parseHeaderName,
  parseHeaderValue,
  parseHostPattern,
  parsePathPattern,
  parseStripPrefix,
} from './match-criteria.ts';
import { type Fault, isFault } from './problem.ts';
import { durationPattern, parseDurationBetween, parseSizeBetween, sizePattern } from './units.ts';

/** A text that `parse` turns into what the program needs, or says what is wrong with it. */
function parsed<T>(expected: string, parse: (text: string) => T | Fault, meta: Record<string, unknown> = {}) {
  return z
    .string(expecting(expected))
    .meta(meta)
    .transform((text, context) => accept(parse(text), text, context));
}

function accept<T>(result: T | Fault, input: unknown, context: z.RefinementCtx): T {
  if (!isFault(result)) return result;
  context.issues.push({ code: 'custom', message: result.message, params: { hint: result.hint }, input });
  return z.NEVER;
}

/** The words for a value of the wrong kind. What is missing, empty or out of range is told alike for every key. */
function expecting(expected: string) {
  return {
    error: ({ code, input }: { readonly code?: string; readonly input?: unknown }) =>
      (code === 'invalid_type' || code === 'invalid_union') && input !== undefined && input !== null
        ? `must be ${expected}`
        : undefined,
  };
}

function duration(lowest: string, highest: string) {
  const parse = (text: string) => parseDurationBetween(text, lowest, highest);
  return parsed('a duration such as 250ms, 5s, 10m or 1h', parse, { pattern: durationPattern.source });
}

function size(lowest: string, highest: string) {
  const text = z.string().meta({ pattern: sizePattern.source });
  return z
    .union([z.int().min(0), text], expecting('a size such as 512, 64KiB or 1MiB'))
    .transform((value, context) => accept(parseSizeBetween(String(value), lowest, highest), value, context));
}

function count(lowest: number, highest: number) {
  return z.int(expecting('a whole number')).min(lowest).max(highest);
}

const off = z.literal('off');

const listenAddress = parsed('an address such as 0.0.0.0:8443', (text) => parseAddress(text, 'listen'), {
  examples: ['0.0.0.0:8443', '[::]:8443', 'unix:/run/framegate.sock'],
});

const endpointAddress = parsed(
  'an address such as 127.0.0.1:50051',
  (text) => parseAddress(text, 'connect'),
  {
    examples: ['127.0.0.1:50051', '[::1]:50051', 'unix:/run/service.sock'],
  },
);

// Names go to logs, metric labels and messages.
const name = z
  .string(expecting('text'))
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'must not hold control characters');

const fileName = z.string(expecting('the name of a file')).min(1);

const certificate = z.strictObject({
  cert: fileName.describe(
    'PEM file with the certificate and its intermediates, relative to this file. Like nginx ssl_certificate.',
  ),
  key: fileName.describe(
    'PEM file with the private key, not encrypted, relative to this file. Like nginx ssl_certificate_key.',
  ),
});

const listenerTls = z.strictObject({
  certificates: z
    .array(certificate)
    .min(1)
    .describe('Certificates, chosen by the name a client asks for (SNI); the first is the default.'),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .describe('The oldest TLS version accepted. Default: TLSv1.2. Like nginx ssl_protocols.'),
});

const listener = z.strictObject({
  name: name.optional().describe('Name in logs, metrics, match.listener. Default: the address.'),
  address: listenAddress.describe(
    'Where to listen: host:port, [ipv6]:port or unix:/path; port 0 takes any free port. Like nginx listen.',
  ),
  tls: listenerTls
    .optional()
    .describe('Serve TLS with ALPN h2. Without it: HTTP/2 in the clear with prior knowledge (h2c).'),
  trustedClients: z
    .array(parsed('a network such as 10.0.0.0/8', parseNetwork, { examples: ['10.0.0.0/8', 'fd00::/8'] }))
    .prefault([])
    .describe(
      'Networks (CIDR), or unix: for clients of a Unix socket, whose x-forwarded-* and x-request-id headers are kept ' +
        'and appended to; those of others are replaced. Default: none. Like nginx set_real_ip_from.',
    ),
});

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

const route = z.strictObject({
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
  upstream: name.describe('Name of the upstream the calls go to. Like nginx grpc_pass.'),
});

const connections = z.strictObject({
  connectTimeout: duration('1ms', '10m')
    .prefault('5s')
    .describe(
      'For TCP and the first SETTINGS of the upstream together. 1ms to 10m. Default: 5s. Like nginx grpc_connect_timeout.',
    ),
  max: count(1, 10_000)
    .default(16)
    .describe(
      'Connections to one endpoint at most; beyond them calls wait for a free stream. 1 to 10000. Default: 16. ' +
        'Like Envoy circuit_breakers max_connections.',
    ),
  maxPending: count(0, 1_000_000)
    .default(1024)
    .describe(
      'Calls of the upstream that may wait for a connection or a free stream; more are answered UNAVAILABLE. ' +
        '0 to 1000000. Default: 1024. Like Envoy circuit_breakers max_pending_requests.',
    ),
});

const upstream = z.strictObject({
  protocol: z
    .literal('h2c')
    .default('h2c')
    .describe('What the endpoints speak: h2c, HTTP/2 in the clear with prior knowledge. Default: h2c.'),
  endpoints: z
    .array(endpointAddress)
    .min(1)
    .describe(
      'The servers of this upstream: host:port, [ipv6]:port or unix:/path. Like server in nginx upstream.',
    ),
  balance: z
    .literal('round-robin')
    .default('round-robin')
    .describe(
      'How calls are shared among the endpoints. Default: round-robin. Like Envoy lb_policy ROUND_ROBIN.',
    ),
  connections: connections
    .prefault({})
    .describe('Connections kept to each endpoint, and who may wait for one.'),
});

const limits = z.strictObject({
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
      'Header fields of a request or a response. 16 to 10000. Default: 128. Like Envoy max_headers_count.',
    ),
});

const drain = z.strictObject({
  timeout: z
    .union([off, duration('0s', '24h')], expecting('a duration such as 30s, or off'))
    .prefault('30s')
    .describe(
      'How long running calls are waited for; off: for ever. 0s to 24h. Default: 30s. Like nginx worker_shutdown_timeout.',
    ),
});

const admin = z.strictObject({
  address: listenAddress
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
});

const configSchema = z
  .strictObject({
    listeners: z.array(listener).min(1).describe('Where clients connect to.'),
    routes: z.array(route).min(1).describe('Which calls go to which upstream. Their order does not matter.'),
    upstreams: z
      .record(name, upstream, expecting('a map of names to upstreams'))
      .refine((upstreams) => Object.keys(upstreams).length > 0, 'must not be empty')
      .describe('Groups of servers, by name.'),
    limits: limits
      .prefault({})
      .describe('Limits of every connection, towards clients and towards upstreams.'),
    drain: drain.prefault({}).describe('How the process stops.'),
    admin: z
      .union([off, admin], expecting('a map with an address, or off'))
      .prefault({})
      .describe('The admin server: health, metrics and the state of the proxy. off: none.'),
    log: log.prefault({}).describe('Log records, as JSON lines on standard output.'),
  })
  .meta({ title: 'Framegate configuration' });

/** The YAML with texts parsed and defaults filled in, but still in its own shape. */
export type ValidConfig = z.output<typeof configSchema>;
export type ValidRoute = ValidConfig['routes'][number];
export type SchemaIssue = z.core.$ZodIssue;
export type RawIssue = z.core.$ZodRawIssue;

/** `describe` words the issues for which the schema itself has no words. */
export function validate(
  value: unknown,
  describe: (issue: RawIssue) => string,
): { readonly config: ValidConfig } | { readonly issues: readonly SchemaIssue[] } {
  const result = configSchema.safeParse(value, { error: describe });
  return result.success ? { config: result.data } : { issues: result.error.issues };
}

/** One route by itself, for the checks of routes that go on when something else is wrong. */
export function validateRoute(value: unknown): ValidRoute | undefined {
  return route.safeParse(value).data;
}

export type JsonSchema = z.core.JSONSchema.BaseSchema;

export function jsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' });
}
