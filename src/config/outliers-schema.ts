// The schema of the outlier detection of an upstream.

import { key } from './key-notes.ts';
import { count, duration, percentage, z } from './schema-values.ts';

/** By which a service tells of its own condition. Others depend on what a client asks, and how long it waits. */
const STATUSES = ['UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'RESOURCE_EXHAUSTED', 'DATA_LOSS'] as const;

export const outliers = z.strictObject({
  consecutive: count(1, 1000)
    .default(5)
    .meta(
      key(
        'After so many failures in a row an endpoint gets no new calls for a while. Failures are resets, lost connections, responses ' +
          'that break the protocol, and the statuses in `on`.',
        { like: { Envoy: 'consecutive_5xx', nginx: 'max_fails' } },
      ),
    ),
  on: z
    .array(z.enum(STATUSES))
    .default(['UNAVAILABLE'])
    .meta(key('The gRPC statuses that count as failures.')),
  ejection: duration('1s', '1h')
    .prefault('30s')
    .meta(
      key(
        'How long the endpoint gets no calls the first time. The second time in a row it is twice as long, the third time three times, ' +
          'and so on, up to 300 s.',
        { like: { Envoy: 'base_ejection_time', nginx: 'fail_timeout' } },
      ),
    ),
  maxEjected: percentage(1, 100)
    .prefault('50%')
    .meta(
      key('How many of the endpoints may be ejected at the same time. One may be in any case.', {
        like: { Envoy: 'max_ejection_percent' },
      }),
    ),
});
