// The schema of an upstream.

import { parseServerName } from './address.ts';
import { balancing } from './balance-schema.ts';
import { checkDiscovery, dns, fromApi } from './discovery-schema.ts';
import { endpointAt } from './endpoint-update.ts';
import { health } from './health-schema.ts';
import { outliers } from './outliers-schema.ts';
import {
  count,
  duration,
  endpointAddress,
  expecting,
  fileName,
  name,
  off,
  parsed,
  percentage,
  z,
} from './schema-values.ts';

const connections = z.strictObject({
  connectTimeout: duration('1ms', '10m')
    .prefault('5s')
    .describe(
      'For TCP and the first SETTINGS of the upstream together. 1ms to 10m. Default: 5s. Like nginx grpc_connect_timeout.',
    ),
  max: count(1, 10_000)
    .optional()
    .describe(
      'Connections to one endpoint at most; beyond them calls wait. Over HTTP/1.1 a connection carries one request or ' +
        'WebSocket at a time. 1 to 10000. Default: 16, with http1 1024. Like Envoy circuit_breakers max_connections.',
    ),
  maxPending: count(0, 1_000_000)
    .optional()
    .describe('Another name of limits.pending. One of the two may be given. 0 to 1000000.'),
});

const limits = z.strictObject({
  streams: z
    .union([off, count(1, 1_000_000)], expecting('a whole number, or off'))
    .prefault('off')
    .describe(
      'Calls of the upstream that may run at a time in one process; more are answered UNAVAILABLE. 1 to 1000000, or off. ' +
        'Default: off. Like Envoy circuit_breakers max_requests.',
    ),
  pending: count(0, 1_000_000)
    .optional()
    .describe(
      'Calls of the upstream that may wait for a connection or a free stream; more are answered UNAVAILABLE. ' +
        '0 to 1000000. Default: 1024. Like Envoy circuit_breakers max_pending_requests.',
    ),
  retries: percentage(0, 100)
    .prefault('20%')
    .describe(
      'Further attempts by the retry or the hedge of their routes that there may be at a time, as a share of all calls of the ' +
        'upstream; twenty may always. 0% to 100%. Default: 20%. Like Envoy retry_budget.',
    ),
});

const keepalive = z.strictObject({
  after: duration('1s', '2h')
    .prefault('20s')
    .describe(
      'How long an endpoint with running calls may send nothing until it is asked whether it is still there. 1s to 2h. ' +
        'Default: 20s. Like GRPC_ARG_KEEPALIVE_TIME_MS of gRPC.',
    ),
  timeout: duration('1s', '10m')
    .prefault('20s')
    .describe(
      'How long it has to answer, or to send anything else; then its connection is given up and the calls on it end ' +
        'UNAVAILABLE. 1s to 10m. Default: 20s. Like GRPC_ARG_KEEPALIVE_TIMEOUT_MS of gRPC.',
    ),
});

const upstreamTls = z.strictObject({
  ca: fileName
    .optional()
    .describe(
      'PEM file with the authorities that sign the certificates of the endpoints, relative to this file. Default: those ' +
        'that Node knows. Like nginx grpc_ssl_trusted_certificate.',
    ),
  cert: fileName
    .optional()
    .describe(
      'PEM file with the certificate shown to the endpoints, relative to this file. Like nginx grpc_ssl_certificate.',
    ),
  key: fileName
    .optional()
    .describe(
      'PEM file with its private key, not encrypted, relative to this file. Like nginx grpc_ssl_certificate_key.',
    ),
  serverName: parsed('text', parseServerName, { examples: ['voice.internal'] })
    .optional()
    .describe(
      'Name to call by SNI and to find in the certificate. Default: the host of the endpoint. Like nginx grpc_ssl_name.',
    ),
});

export const endpoint = z
  .union(
    [
      endpointAddress,
      z.strictObject({
        address: endpointAddress.describe('host:port, [ipv6]:port or unix:/path.'),
        weight: count(1, 1000)
          .default(1)
          .describe(
            'Its share of the calls beside the other endpoints. 1 to 1000. Default: 1. Like nginx weight.',
          ),
        priority: count(0, 127)
          .default(0)
          .describe(
            'Calls go to endpoints of a higher number when less than 71 % of those of lower numbers can be used, as many as ' +
              'are too many for these. 0 to 127. Default: 0. Like Envoy priority.',
          ),
        zone: name
          .optional()
          .describe(
            'Where the endpoint runs, for zone: prefer. Default: nobody has said. Like Envoy locality zone.',
          ),
      }),
    ],
    expecting('an address such as 127.0.0.1:50051, or a map with an address'),
  )
  .transform((one) => ('address' in one ? one : endpointAt(one)));

const keys = z.strictObject({
  protocol: z
    .enum(['h2c', 'h2', 'http1'])
    .default('h2c')
    .describe(
      'What the endpoints speak: h2c, plaintext HTTP/2 with prior knowledge; h2, HTTP/2 over TLS; http1, HTTP/1.1, ' +
        'over TLS where tls is given. Default: h2c. Like grpc_pass grpc://, grpcs:// and proxy_pass of nginx.',
    ),
  tls: upstreamTls
    .optional()
    .describe('How TLS is spoken to the endpoints; with h2 there are defaults for all of it. Not for h2c.'),
  endpoints: z
    .union([fromApi, z.array(endpoint).min(1)], expecting('a list'))
    .optional()
    .describe(
      'The servers of this upstream: host:port, [ipv6]:port or unix:/path, or maps with an address. api: whatever is set by ' +
        'PUT /api/upstreams/NAME/endpoints. Like server in nginx upstream.',
    ),
  dns: dns
    .optional()
    .describe(
      'Instead of endpoints: a name in DNS, all of whose addresses are endpoints, and are followed. Like resolve of nginx ' +
        'server, Envoy STRICT_DNS.',
    ),
  ...balancing,
  connections: connections
    .prefault({})
    .describe('Connections kept to each endpoint, and who may wait for one.'),
  limits: limits.prefault({}).describe('How many calls may run, wait and be retried.'),
  keepalive: z
    .union([keepalive, off], expecting('a map, or off'))
    .optional()
    .describe(
      'How an endpoint is noticed that has gone silent: stopped, hanging, cut off, without power. Default: on, or off with ' +
        'http1, which has no such question. Like Envoy connection_keepalive.',
    ),
  health: health
    .optional()
    .describe('How the endpoints are checked. Default: not at all. Like Envoy health_checks.'),
  outliers: outliers
    .optional()
    .describe(
      'When an endpoint whose calls fail gets none for a while. Default: never. Like Envoy outlier_detection.',
    ),
});

export const upstream = keys.superRefine(checkDiscovery, {
  when: () => true,
});
