// The schema of how an upstream shares its calls among the endpoints.

import { key } from './key-notes.ts';
import { parseHeaderName } from './match-criteria.ts';
import { weights } from './orca-schema.ts';
import { duration, expecting, off, parsed, z } from './schema-values.ts';
import { parsePercentage } from './units.ts';

const hash = z.union(
  [
    z.strictObject({
      header: parsed('text', parseHeaderName, { examples: ['x-session'] }).meta(
        key(
          'The header whose value keeps calls together. Several of this name in one call are one value, as for `match`.',
          {
            values: 'name of a header',
          },
        ),
      ),
    }),
    z.enum(['client', 'path']),
  ],
  expecting('a map with header, or one of client, path'),
);

const streams = z.strictObject({
  maxAge: z
    .union([off, duration('1s', '720h')], expecting('a duration such as 6h, or off'))
    .prefault('off')
    .meta(
      key(
        'The age at which a stream is ended with `UNAVAILABLE`, 10 % more or less. This way long streams spread over endpoints that were ' +
          'added.',
        { like: { Envoy: 'max_stream_duration' }, more: '[FG3031](diagnoses/FG3031.md)' },
      ),
    ),
  rebalance: z
    .union([off, duration('1s', '24h')], expecting('a duration such as 10m, or off'))
    .prefault('off')
    .meta(
      key(
        'When an endpoint joins or comes back, the oldest streams that other endpoints have above their share are ended with ' +
          '`UNAVAILABLE`, spread over this time.',
        { condition: 'not with `balance: ring-hash`', more: '[FG3032](diagnoses/FG3032.md)' },
      ),
    ),
});

/** Keys of an upstream. */
export const balancing = {
  balance: z
    .enum(['round-robin', 'least-requests', 'random', 'ring-hash'])
    .default('round-robin')
    .meta(
      key(
        'How calls are shared among the endpoints. `round-robin`: in turn. `least-requests`: of two endpoints, the one with fewer open ' +
          'calls, which keeps long streams even. `random`: by chance. `ring-hash`: calls with the same `hash` go ' +
          'to the same endpoint.',
        {
          like: { Envoy: 'lb_policy', nginx: '`least_conn`, `random`, `hash`' },
          more: '[Balancing](configuration.md#balancing)',
        },
      ),
    ),
  hash: hash.optional().meta(
    key(
      'What keeps calls at the same endpoint with `ring-hash`: the value of a header, the address of the client, or the path without its ' +
        'query.',
      {
        required: 'with `balance: ring-hash`',
        values: '`{ header: NAME }`, `client`, `path`',
        like: { Envoy: 'hash_policy', nginx: '`consistent` of `hash`' },
      },
    ),
  ),
  weights: weights.optional().meta(
    key(
      '`orca`: the weights of the endpoints come from their own load reports (`xds.service.orca.v3.OpenRcaService`) and not from ' +
        '`endpoints[].weight`. A map has the settings.',
      {
        unset: 'the weights in `endpoints[].weight`',
        values: '`orca`, or a map',
        condition: 'not with `balance: ring-hash` or `protocol: http1`',
        like: { gRPC: 'weighted_round_robin', Envoy: 'client_side_weighted_round_robin' },
        more: '[Weights by load](configuration.md#weights-by-load)',
      },
    ),
  ),
  panic: z
    .union(
      [off, parsed('a percentage such as 50%', parsePercentage, { examples: ['50%'] })],
      expecting('a percentage such as 50%, or off'),
    )
    .prefault('50%')
    .meta(
      key(
        'If a smaller part than this of the endpoints of a priority can be used, endpoints that `health` or `outliers` keep out get ' +
          'calls as well.',
        {
          values: 'percentage, `0%` to `100%`; or `off`',
          like: { Envoy: 'healthy_panic_threshold' },
          more: '[Balancing](configuration.md#balancing)',
        },
      ),
    ),
  zone: z
    .enum(['off', 'prefer'])
    .default('off')
    .meta(
      key(
        "`prefer`: endpoints in the proxy's own zone get calls first, unless that would be more than their share.",
        {
          condition: '`prefer` not with `balance: ring-hash`',
          like: { Envoy: 'zone aware `lb_config`' },
          more: '[Balancing](configuration.md#balancing)',
        },
      ),
    ),
  slowStart: z
    .union([off, duration('1s', '1h')], expecting('a duration such as 30s, or off'))
    .prefault('off')
    .meta(
      key(
        'How long an endpoint that is new or back gets fewer calls. Its weight grows over this time from a tenth ' +
          'to the whole.',
        {
          condition: 'not with `balance: ring-hash`',
          like: { Envoy: 'slow_start_config', nginx: 'slow_start' },
          more: '[Balancing](configuration.md#balancing)',
        },
      ),
    ),
  streams: streams
    .prefault({})
    .meta(
      key(
        'When long streams are ended, so that they spread over the endpoints again. Each worker ends its own.',
        { more: '[Long streams](configuration.md#long-streams)' },
      ),
    ),
};
