// The schema of an upstream.

import { parseServerName } from './address.ts';
import { balancing } from './balance-schema.ts';
import { checkDiscovery, dns, fromApi } from './discovery-schema.ts';
import { endpointAt } from './endpoint-update.ts';
import { health } from './health-schema.ts';
import { key } from './key-notes.ts';
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
    .meta(
      key(
        'How long a connection to an endpoint may take to open: TCP, TLS, and the first SETTINGS frame of the ' +
          'endpoint together.',
        { like: { nginx: 'grpc_connect_timeout', Envoy: 'connect_timeout' } },
      ),
    ),
  max: count(1, 10_000)
    .optional()
    .meta(
      key(
        'How many connections one endpoint may have. Calls beyond what these can carry wait. Over HTTP/1.1 a ' +
          'connection carries one request or WebSocket at a time.',
        {
          unset: '16; with `protocol: http1`, 1024',
          like: { Envoy: '`max_connections` of `circuit_breakers`' },
        },
      ),
    ),
  maxPending: count(0, 1_000_000)
    .optional()
    .meta(
      key('Another name of `limits.pending`. Only one of the two may be given.', {
        unset: '`limits.pending`',
      }),
    ),
});

const limits = z.strictObject({
  streams: z
    .union([off, count(1, 1_000_000)], expecting('a whole number, or off'))
    .prefault('off')
    .meta(
      key(
        'How many calls of the upstream may run at a time in one process. Further calls end with `UNAVAILABLE`. A ' +
          'client that is alone may have all of them. While other clients call, the last eighth is for clients that ' +
          'have less than their share, and further calls of clients that have their share wait.',
        { like: { Envoy: '`max_requests` of `circuit_breakers`' } },
      ),
    ),
  pending: count(0, 1_000_000)
    .optional()
    .meta(
      key(
        'How many calls of the upstream may wait in one process for a connection or a free stream. Further calls ' +
          'end with `UNAVAILABLE`.',
        { unset: '1024', like: { Envoy: '`max_pending_requests` of `circuit_breakers`' } },
      ),
    ),
  retries: percentage(0, 100)
    .prefault('20%')
    .meta(
      key(
        'How many calls of the upstream may be in a further attempt at a time, because their route has `retry` or ' +
          '`hedge`. It is a share of all calls that the upstream has in the process, and twenty are always allowed. ' +
          'While other clients call, one client address may have half of them at most.',
        {
          like: { Envoy: 'retry_budget' },
          more: '[Retries](configuration.md#retries), [Hedging](configuration.md#hedging)',
        },
      ),
    ),
});

const keepalive = z.strictObject({
  after: duration('1s', '2h')
    .prefault('20s')
    .meta(
      key(
        'How long an endpoint with running calls may send nothing before Framegate asks it whether it is still there.',
        { like: { gRPC: 'GRPC_ARG_KEEPALIVE_TIME_MS' } },
      ),
    ),
  timeout: duration('1s', '10m')
    .prefault('20s')
    .meta(
      key(
        'How long the endpoint has to answer, or to send anything else. After that its connection is closed, and ' +
          'the calls on it end with `UNAVAILABLE`.',
        { like: { gRPC: 'GRPC_ARG_KEEPALIVE_TIMEOUT_MS' } },
      ),
    ),
});

const upstreamTls = z.strictObject({
  ca: fileName
    .optional()
    .meta(
      key(
        'The PEM file with the certificates of the authorities that sign the certificates of the endpoints.',
        { unset: 'the authorities that Node knows', like: { nginx: 'grpc_ssl_trusted_certificate' } },
      ),
    ),
  cert: fileName.optional().meta(
    key('The PEM file with the certificate that Framegate shows to the endpoints (mutual TLS).', {
      unset: 'no certificate is shown',
      condition: 'together with `key`',
      like: { nginx: 'grpc_ssl_certificate' },
    }),
  ),
  key: fileName.optional().meta(
    key('The PEM file with the private key of `cert`. The key must not be encrypted.', {
      unset: 'no certificate is shown',
      condition: 'together with `cert`',
      like: { nginx: 'grpc_ssl_certificate_key' },
    }),
  ),
  serverName: parsed('text', parseServerName, { examples: ['voice.internal'] })
    .optional()
    .meta(
      key(
        'The server name that Framegate asks for (SNI) and that the certificate of the endpoint must be for.',
        {
          unset:
            'the host of the endpoint; with `dns` its name (of an SRV name, what follows `_SERVICE._PROTOCOL.`)',
          values: 'host name',
          like: { nginx: 'grpc_ssl_name' },
        },
      ),
    ),
});

export const endpoint = z
  .union(
    [
      endpointAddress,
      z.strictObject({
        address: endpointAddress.meta(
          key('Where the server listens.', {
            values: '`host:port`, `[ipv6]:port` or `unix:/path`',
            like: { nginx: '`server` of `upstream`' },
          }),
        ),
        weight: count(1, 1000)
          .default(1)
          .meta(
            key('The share of the calls that the endpoint gets, relative to the weights of the others.', {
              like: { nginx: '`weight=` of `server`' },
            }),
          ),
        priority: count(0, 127)
          .default(0)
          .meta(
            key(
              'Calls go to endpoints of a higher number only if less than 71 % of the endpoints of lower numbers ' +
                'can be used, and then only as many as are too many for these.',
              {
                like: { Envoy: 'priority', nginx: '`backup` of `server`' },
                more: '[Balancing](configuration.md#balancing)',
              },
            ),
          ),
        zone: name.optional().meta(
          key('The zone in which the server runs, for `zone: prefer`.', {
            unset: 'unknown',
            like: { Envoy: 'locality.zone' },
          }),
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
    .meta(
      key(
        'What the endpoints speak. `h2c`: plaintext HTTP/2 with prior knowledge. `h2`: HTTP/2 over TLS. `http1`: ' +
          'HTTP/1.1, over TLS if `tls` is given.',
        { like: { nginx: '`grpc_pass grpc://`, `grpc_pass grpcs://`, `proxy_pass`' } },
      ),
    ),
  tls: upstreamTls.optional().meta(
    key('How Framegate speaks TLS to the endpoints. It always verifies their certificates.', {
      unset: 'with `h2` each of its keys has a default; with `http1` no TLS',
      condition: 'only with `protocol: h2` and `http1`',
    }),
  ),
  endpoints: z
    .union([fromApi, z.array(endpoint).min(1)], expecting('a list'))
    .optional()
    .meta(
      key(
        'The servers of this upstream. `api`: the servers that are set by PUT /api/upstreams/NAME/endpoints.',
        {
          required: 'unless there is `dns`',
          values: 'list of addresses, or of maps with an address, one or more; or `api`',
          like: { nginx: '`server` of `upstream`' },
          more: '[Endpoints from DNS and from the admin API](configuration.md#endpoints-from-dns-and-from-the-admin-api)',
        },
      ),
    ),
  dns: dns.optional().meta(
    key(
      'A name in DNS, in place of `endpoints`. All of its addresses are endpoints, and changes are followed.',
      {
        required: 'unless there is `endpoints`',
        like: { nginx: '`resolve` of `server`', Envoy: 'STRICT_DNS' },
        more: '[Endpoints from DNS and from the admin API](configuration.md#endpoints-from-dns-and-from-the-admin-api)',
      },
    ),
  ),
  ...balancing,
  connections: connections.prefault({}).meta(
    key('How many connections each endpoint has, and how long they may take to open.', {
      like: { nginx: 'keepalive' },
    }),
  ),
  limits: limits.prefault({}).meta(
    key('How many calls of the upstream may run, wait and be sent again.', {
      like: { Envoy: 'circuit_breakers' },
    }),
  ),
  keepalive: z
    .union([keepalive, off], expecting('a map, or off'))
    .optional()
    .meta(
      key(
        'How Framegate notices an endpoint that has gone silent under its calls: a process that is stopped, a ' +
          'machine without power, a network that drops packets.',
        {
          unset: 'each of its keys has a default; with `protocol: http1`, `off`',
          condition: 'a map not with `protocol: http1`',
          like: { Envoy: 'connection_keepalive' },
          more: '[Keepalive](configuration.md#keepalive)',
        },
      ),
    ),
  health: health.optional().meta(
    key('How Framegate checks the health of the endpoints. `{}` takes all defaults.', {
      unset: 'no health checks',
      like: { Envoy: 'health_checks' },
      more: '[Health](configuration.md#health)',
    }),
  ),
  outliers: outliers.optional().meta(
    key(
      'When an endpoint whose calls fail gets no calls for a while (it is ejected). `{}` takes all defaults.',
      {
        unset: 'no endpoint is ejected',
        like: { Envoy: 'outlier_detection' },
        more: '[Outliers](configuration.md#outliers)',
      },
    ),
  ),
});

export const upstream = keys.superRefine(checkDiscovery, {
  when: () => true,
});
