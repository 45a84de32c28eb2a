// The schema of the outlier detection of an upstream.

import { count, duration, percentage, z } from './schema-values.ts';

/** By which a service tells of its own condition. Others depend on what a client asks, and how long it waits. */
const STATUSES = ['UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'RESOURCE_EXHAUSTED', 'DATA_LOSS'] as const;

export const outliers = z.strictObject({
  consecutive: count(1, 1000)
    .default(5)
    .describe(
      'After so many failures in a row an endpoint gets no new calls for a while: resets, lost connections, ' +
        'responses that are none, and the statuses in on. 1 to 1000. Default: 5. ' +
        'Like Envoy consecutive_5xx, nginx max_fails.',
    ),
  on: z
    .array(z.enum(STATUSES))
    .default(['UNAVAILABLE'])
    .describe('The gRPC statuses that count as failures. Default: ["UNAVAILABLE"].'),
  ejection: duration('1s', '1h')
    .prefault('30s')
    .describe(
      'How long the endpoint gets no calls the first time; the next time as much longer, up to 300s. ' +
        '1s to 1h. Default: 30s. Like Envoy base_ejection_time, nginx fail_timeout.',
    ),
  maxEjected: percentage(1, 100)
    .prefault('50%')
    .describe(
      'How many of the endpoints may be out this way at a time, but one in any case. 1% to 100%. Default: 50%. ' +
        'Like Envoy max_ejection_percent.',
    ),
});
