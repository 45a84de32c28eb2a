// The schema of how an upstream shares its calls among the endpoints.

import { parseHeaderName } from './match-criteria.ts';
import { weights } from './orca-schema.ts';
import { duration, expecting, off, parsed, z } from './schema-values.ts';
import { parsePercentage } from './units.ts';

const hash = z.union(
  [
    z.strictObject({
      header: parsed('text', parseHeaderName, { examples: ['x-session'] }).describe(
        'The header field whose value keeps calls together.',
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
    .describe(
      'Age at which a stream is ended (UNAVAILABLE), 10 % more or less, so that long streams spread over endpoints that were ' +
        'added. 1s to 720h, or off. Default: off. Like Envoy max_stream_duration.',
    ),
  rebalance: z
    .union([off, duration('1s', '24h')], expecting('a duration such as 10m, or off'))
    .prefault('off')
    .describe(
      'When an endpoint joins or comes back, the oldest streams that others have above their share are ended (UNAVAILABLE) ' +
        'over this time, each at a moment of its own. 1s to 24h, or off. Default: off.',
    ),
});

/** Keys of an upstream. */
export const balancing = {
  balance: z
    .enum(['round-robin', 'least-requests', 'random', 'ring-hash'])
    .default('round-robin')
    .describe(
      'How calls are shared among the endpoints: in turn; to the one of two with fewer open calls, which keeps long streams ' +
        'even; by chance; or those with the same hash to the same endpoint. Default: round-robin. Like Envoy lb_policy.',
    ),
  hash: hash
    .optional()
    .describe(
      'What keeps calls together with ring-hash: a header field, the address of the client, or the path. Like nginx hash, ' +
        'Envoy hash_policy.',
    ),
  weights: weights
    .optional()
    .describe(
      'orca: the weights of the endpoints come from their load reports (xds.service.orca.v3.OpenRcaService), not from ' +
        'endpoints[].weight. A map, orca: { ... }, has its settings. Not with ring-hash, nor http1. Like gRPC weighted_round_robin.',
    ),
  panic: z
    .union(
      [off, parsed('a percentage such as 50%', parsePercentage, { examples: ['50%'] })],
      expecting('a percentage such as 50%, or off'),
    )
    .prefault('50%')
    .describe(
      'If a smaller part of the endpoints of a priority can be used, those that health or outliers keep out get calls as ' +
        'well. 0% to 100%, or off. Default: 50%. Like Envoy healthy_panic_threshold.',
    ),
  zone: z
    .enum(['off', 'prefer'])
    .default('off')
    .describe(
      'prefer: endpoints of the zone of this proxy get calls first, unless that is more than their share. Default: off. ' +
        'Like Envoy zone aware routing.',
    ),
  slowStart: z
    .union([off, duration('1s', '1h')], expecting('a duration such as 30s, or off'))
    .prefault('off')
    .describe(
      'How long an endpoint that is new or back gets fewer calls, a tenth of its share at first. Not with ring-hash. ' +
        '1s to 1h, or off. Default: off. Like Envoy slow_start_config, nginx slow_start.',
    ),
  streams: streams
    .prefault({})
    .describe('Long streams, ended so that they spread over the endpoints again. Each worker ends its own.'),
};
