// The only description of the YAML: keys, types, ranges, defaults and the purpose of each key. config.schema.json for editors and
// docs/configuration-reference.md are generated from it.

import { endpointList } from './discovery-schema.ts';
import { identities } from './identity-schema.ts';
import { describeKeys } from './key-description.ts';
import { key } from './key-notes.ts';
import { limits } from './limits-schema.ts';
import { listener } from './listener-schema.ts';
import { LOG_LEVELS } from './log-config.ts';
import { route } from './route-schema.ts';
import {
  adminAddress,
  count,
  duration,
  expecting,
  fileName,
  type JsonSchema,
  name,
  off,
  percentage,
  type RawIssue,
  type SchemaIssue,
  z,
} from './schema-values.ts';
import { stores } from './stores-schema.ts';
import { trace } from './trace-schema.ts';
import { endpoint, upstream } from './upstream-schema.ts';

export type { JsonSchema, RawIssue, SchemaIssue };

const auto = z.literal('auto');

const drain = z.strictObject({
  timeout: z
    .union([off, duration('0s', '24h')], expecting('a duration such as 30s, or off'))
    .prefault('30s')
    .meta(
      key('How long a process that stops waits for running calls. `off`: for ever.', {
        like: { nginx: 'worker_shutdown_timeout' },
      }),
    ),
  delay: duration('0s', '1h')
    .prefault('0s')
    .meta(
      key(
        'How long listeners stay open after `/ready` has begun to say 503, so that load balancers notice.',
        { like: { Envoy: 'drain_time_s' } },
      ),
    ),
});

const interval = z.union([off, duration('100ms', '1h')], expecting('a duration such as 10s, or off'));

const reload = z.strictObject({
  watch: interval
    .prefault('off')
    .meta(
      key(
        'How often Framegate looks for changes of this file. It takes up a change as it does at SIGHUP, once the ' +
          'file was left alone for as long.',
      ),
    ),
  certificates: interval
    .prefault('10s')
    .meta(
      key(
        'How often Framegate looks for changes of the files of certificates, keys and authorities. New connections ' +
          'use what has changed. `off`: only a reload takes up changes.',
      ),
    ),
});

const adminToken = z
  .strictObject(
    {
      file: fileName.optional().meta(
        key('A file that holds the token, and may end with a line break. A reload reads it again.', {
          required: 'unless there is `environment`',
          condition: 'with 16 to 1,024 characters',
        }),
      ),
      environment: z
        .string(expecting('the name of an environment variable'))
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, 'must be the name of an environment variable')
        .optional()
        .meta(
          key('The environment variable that holds the token.', {
            values: 'the name of an environment variable',
            required: 'unless there is `file`',
          }),
        ),
    },
    expecting('a map with file or environment'),
  )
  .refine(({ file, environment }) => (file === undefined) !== (environment === undefined), {
    message: 'needs file or environment, and not both',
  });

const admin = z.strictObject({
  address: adminAddress.prefault('127.0.0.1:9901').meta(
    key('Where the admin server listens. An address that other machines can reach needs `token`.', {
      values: '`host:port`, `[ipv6]:port` or `unix:/path`',
      like: { Envoy: 'admin.address' },
    }),
  ),
  token: adminToken.optional().meta(
    key(
      'Where the token is that clients must send (`Authorization: Bearer TOKEN`). On loopback and on a Unix socket, ' +
        'requests that change something need it; on any other address all do, except `/live`, `/ready` and the page of the dashboard.',
      {
        required: 'unless `address` is on loopback or a Unix socket',
        more: '[Who may use it](admin-api.md#who-may-use-it)',
      },
    ),
  ),
});

const log = z.strictObject({
  level: z
    .enum(LOG_LEVELS)
    .default('info')
    .meta(key('The least important records that are written.', { like: { nginx: 'error_log' } })),
  access: z
    .union(
      [
        z.boolean(),
        z.strictObject({
          successes: percentage(0, 100).meta(
            key(
              'The share of the calls that succeed which have a record, drawn at random. All other calls have one.',
              {
                like: { nginx: 'access_log if=' },
                more: '[Fewer records](access-log.md#fewer-records)',
              },
            ),
          ),
        }),
      ],
      expecting('true, false, or { successes: 10% }'),
    )
    .default(true)
    .meta(
      key(
        'Writes one record for each call, or with `{ successes: 10% }` for that share of the calls that succeed and for all others.',
        {
          unset: '`true`',
          like: { nginx: 'access_log' },
          more: '[The access log](access-log.md)',
        },
      ),
    ),
  syslogPrefix: z
    .boolean(expecting('true or false'))
    .default(false)
    .meta(
      key(
        'Begins each line with its priority, for a journald that reads standard output (`SyslogLevelPrefix=yes`, ' +
          'the default of systemd): `<2>` for `fatal`, `<3>` for `error`, `<4>` for `warn`, `<6>` for `info` and the ' +
          'records of calls, `<7>` for `debug` and `trace`. journald removes the prefix; other programs that read ' +
          'the lines as JSON do not.',
        { like: { systemd: 'SyslogLevelPrefix' } },
      ),
    ),
  file: fileName.optional().meta(
    key(
      'A file that the log goes to instead of standard output. Lines are added at its end; a file that is not ' +
        'there is made with mode 0640. Framegate opens it again at SIGHUP, SIGUSR1 and POST /api/reload. Another ' +
        'name takes effect at the next start, and a reload warns of that.',
      {
        unset: 'standard output',
        condition: 'in a folder that Framegate may write to',
        like: { nginx: 'error_log' },
        more: '[A log in a file](operating.md#a-log-in-a-file)',
      },
    ),
  ),
  format: z
    .enum(['auto', 'json', 'text'])
    .default('auto')
    .meta(
      key(
        'How records are written to standard output. `auto`: text on a terminal, JSON lines everywhere else. ' +
          "`text`: text, without colours if there is no terminal. Under systemd's `Type=notify` and sockets, and " +
          'with a configuration from a pipe (`-c -`), records stay JSON lines. Another format takes effect at the ' +
          'next start, and a reload warns of that.',
        { condition: '`text` not with `log.file`', like: { zap: 'encoding' } },
      ),
    ),
});

const metrics = z.strictObject({
  methods: z
    .boolean(expecting('true or false'))
    .default(false)
    .meta(
      key(
        'Counts gRPC calls by their method and status as well. A method is named once it has succeeded, or if a ' +
          'route has it as its path; all others are counted as `other`.',
        {
          like: { Envoy: 'grpc_stats: { stats_for_all_methods: true }' },
          more: '[Methods](metrics.md#methods)',
        },
      ),
    ),
});

const configSchema = z
  .strictObject({
    workers: z
      .union([auto, count(1, 256)], expecting('a whole number, or auto'))
      .default('auto')
      .meta(
        key(
          'How many processes carry calls, each on a core. `auto`: as many as there are cores. `1`: one process in ' +
            'all. With more than one there is another process, which accepts connections.',
          { like: { nginx: 'worker_processes' }, more: '[Workers](configuration.md#workers)' },
        ),
      ),
    listeners: z
      .array(listener)
      .min(1)
      .meta(key('Where clients connect to.', { like: { nginx: '`server` with `listen`' } })),
    routes: z
      .array(route)
      .min(1)
      .meta(
        key('Which calls go to which upstream. Their order does not matter.', {
          like: { nginx: 'location' },
        }),
      ),
    upstreams: z
      .record(name, upstream, expecting('a map of names to upstreams'))
      .refine((upstreams) => Object.keys(upstreams).length > 0, 'must not be empty')
      .meta(
        key('The groups of servers that calls go to, by a name that you choose.', {
          values: 'map of names to maps, one or more',
          like: { nginx: 'upstream', Envoy: 'clusters' },
        }),
      ),
    identities: identities.optional().meta(
      key('How clients show who they are, by names that the `access` of routes uses.', {
        unset: 'none',
        values: 'map of names to maps',
        like: { nginx: 'auth_jwt', Envoy: 'jwt_authn' },
        more: '[Who may call](access.md)',
      }),
    ),
    stores: stores.optional().meta(
      key('Where limits that several machines share are counted, by names that the `limits` of routes use.', {
        unset: 'none',
        values: 'map of names to maps',
        like: { Envoy: 'the storage of `envoyproxy/ratelimit`' },
        more: '[Limits that several machines share](limits.md#limits-that-several-machines-share)',
      }),
    ),
    zone: name
      .optional()
      .meta(
        key(
          'The zone in which this proxy runs, for `upstreams.NAME.zone`. The key has precedence over the ' +
            'environment variable.',
          { unset: 'the environment variable `FRAMEGATE_ZONE`', like: { Envoy: '--service-zone' } },
        ),
      ),
    limits: limits.prefault({}).meta(
      key('Limits of each connection, towards clients and towards upstreams, and of all together.', {
        more: '[Overload](configuration.md#overload), [Limits](limits.md)',
      }),
    ),
    drain: drain
      .prefault({})
      .meta(key('How the process stops.', { more: '[Reload](configuration.md#reload)' })),
    reload: reload.prefault({}).meta(
      key('Which changes are taken up by themselves, without SIGHUP or POST /api/reload.', {
        more: '[Reload](configuration.md#reload)',
      }),
    ),
    admin: z
      .union([off, admin], expecting('a map with an address, or off'))
      .prefault({})
      .meta(
        key('The admin server, with health, metrics and the state of the proxy. `off`: there is none.', {
          like: { Envoy: 'admin' },
          more: '[Operating](operating.md), [Metrics](metrics.md)',
        }),
      ),
    metrics: metrics.optional().meta(
      key('What is counted beside what is always counted.', {
        unset: 'nothing',
        more: '[Methods](metrics.md#methods)',
      }),
    ),
    log: log.prefault({}).meta(key('What is logged, where and how.')),
    trace: trace.optional().meta(
      key('Spans of calls by OpenTelemetry, for a collector, Jaeger or Tempo.', {
        unset: 'none',
        like: { nginx: 'otel_trace', Envoy: 'tracing' },
        more: '[Traces](tracing.md)',
      }),
    ),
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

/** Validates `admin` alone, for files whose rest is invalid. @returns undefined if it is invalid itself */
export function validateAdmin(value: unknown): ValidConfig['admin'] | undefined {
  return configSchema.shape.admin.safeParse(value).data;
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

/** What the admin API is sent as the endpoints of an upstream, for its OpenAPI document. */
export function endpointListSchema(): JsonSchema {
  const { $schema: _, ...schema } = describeKeys(z.toJSONSchema(list, { io: 'input' }));
  return schema;
}

/** For editors: config.schema.json. */
export function jsonSchema(): JsonSchema {
  return describeKeys(annotatedSchema());
}

/** For the reference: with the annotations of keys, and with texts in Markdown as they are written. */
export function annotatedSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' });
}
