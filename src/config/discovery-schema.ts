// The schema of where the endpoints of an upstream come from, if they are not listed: from DNS, or from the admin API.

import { parseDnsName } from './address.ts';
import { MOST_ENDPOINTS } from './endpoint-update.ts';
import { key } from './key-notes.ts';
import { count, duration, expecting, parsed, z } from './schema-values.ts';

export const fromApi = z.literal('api');

export const dns = z.strictObject({
  name: parsed('a name such as voice.internal', parseDnsName, {
    examples: ['voice.internal', '_grpc._tcp.voice.internal'],
  }).meta(
    key(
      'The name to ask for. All of its addresses are endpoints. `/etc/hosts` and the search list of `/etc/resolv.conf` apply; with a dot ' +
        'at the end of the name the search list does not.',
      { values: 'host name', like: { Envoy: 'socket_address.address' } },
    ),
  ),
  port: count(1, 65_535)
    .optional()
    .meta(
      key('The port of the endpoints. SRV records name the ports themselves.', {
        required: 'with `type: A` and `AAAA`',
        condition: 'not with `type: SRV`',
        like: { Envoy: 'port_value' },
      }),
    ),
  type: z
    .enum(['A', 'AAAA', 'SRV'])
    .default('A')
    .meta(
      key(
        'Which records are asked for. `A`: the addresses of IPv4 and of IPv6. `AAAA`: those of IPv6 alone. `SRV`: hosts with port, ' +
          'weight and priority.',
        { like: { nginx: '`service=` of `server`', Envoy: 'dns_lookup_family' } },
      ),
    ),
  minTtl: duration('100ms', '1h')
    .prefault('1s')
    .meta(
      key(
        'How long an answer holds at least, whatever its time to live. It also holds so long after a connection has failed.',
        { like: { Envoy: 'dns_min_refresh_rate' } },
      ),
    ),
  maxTtl: duration('100ms', '24h')
    .prefault('5m')
    .meta(
      key('How long an answer holds at most.', {
        condition: 'not below `minTtl`',
        like: { nginx: '`valid=` of `resolver`' },
      }),
    ),
});

/** The body of PUT /api/upstreams/NAME/endpoints. */
export function endpointList<Endpoint extends z.ZodType>(endpoint: Endpoint) {
  return z.strictObject({
    endpoints: z.array(endpoint).max(MOST_ENDPOINTS, `must have at most ${MOST_ENDPOINTS} entries`),
    ttl: z.union([z.literal('off'), duration('1s', '168h')], expecting('a duration such as 60s, or off')),
  });
}

interface Discovered {
  readonly endpoints?: unknown;
  readonly dns?: Partial<z.output<typeof dns>> | undefined;
}

/** What no single key shows. Runs also when a key is wrong by itself, so nothing of the value can be relied on. */
export function checkDiscovery(value: unknown, context: z.RefinementCtx): void {
  if (!isMap(value)) return;
  if (!('endpoints' in value) && !('dns' in value)) {
    const hint = 'list them, or write dns: { name: NAME, port: PORT }, or endpoints: api';
    context.addIssue({ code: 'custom', path: ['endpoints'], message: 'is missing', params: { hint } });
  } else if ('endpoints' in value && 'dns' in value) {
    const params = { hint: 'keep one of them' };
    context.addIssue({ code: 'custom', path: ['dns'], message: 'endpoints are listed already', params });
  }
  const { dns: name } = value;
  if (isMap(name)) checkDns(name, context);
}

function checkDns(name: NonNullable<Discovered['dns']>, context: z.RefinementCtx): void {
  const { type, port, minTtl, maxTtl } = name;
  if (type === 'SRV' && port !== undefined) {
    const params = { hint: 'remove it; SRV records name the ports' };
    context.addIssue({
      code: 'custom',
      path: ['dns', 'port'],
      message: 'has no meaning with type: SRV',
      params,
    });
  }
  if ((type === 'A' || type === 'AAAA') && !('port' in name)) {
    const params = { hint: 'addresses in DNS have no port, only SRV records have' };
    context.addIssue({ code: 'custom', path: ['dns', 'port'], message: 'is missing', params });
  }
  if (typeof minTtl === 'number' && typeof maxTtl === 'number' && minTtl > maxTtl) {
    const params = { hint: `at least ${minTtl} ms, as minTtl is` };
    context.addIssue({ code: 'custom', path: ['dns', 'maxTtl'], message: 'is below minTtl', params });
  }
}

function isMap(value: unknown): value is Discovered & NonNullable<Discovered['dns']> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
