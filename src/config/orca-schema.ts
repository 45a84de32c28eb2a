// The schema of weights that come from load reports (ORCA). The names are those of gRFC A58 as gRPC writes them in JSON.

import { key } from './key-notes.ts';
import { duration, expecting, z } from './schema-values.ts';

const orca = z
  .strictObject({
    oobReportingPeriod: duration('100ms', '1h')
      .prefault('10s')
      .meta(
        key(
          'How often each endpoint is asked to report its load. A server may report less often: grpc-go reports every 30 s unless its ' +
            '`MinReportingInterval` says otherwise.',
          { like: { gRPC: 'oobReportingPeriod' } },
        ),
      ),
    blackoutPeriod: duration('0s', '1h')
      .prefault('10s')
      .meta(
        key(
          'How long an endpoint must report before its weight counts. The time begins with the first report of a new connection, and ' +
            'again after reports had stopped.',
          { like: { gRPC: 'blackoutPeriod' } },
        ),
      ),
    weightExpirationPeriod: duration('1s', '24h')
      .prefault('3m')
      .meta(
        key('How long a weight counts without another report.', {
          condition: 'more than `oobReportingPeriod`',
          like: { gRPC: 'weightExpirationPeriod' },
        }),
      ),
    weightUpdatePeriod: duration('100ms', '1m')
      .prefault('1s')
      .meta(key('How often the newest weights are put to use.', { like: { gRPC: 'weightUpdatePeriod' } })),
    errorUtilizationPenalty: z
      .number(expecting('a number'))
      .min(0)
      .max(1000)
      .default(1)
      .meta(
        key(
          'By how much errors lower a weight, which is `rps / (utilization + eps / rps * errorUtilizationPenalty)`. With 0 errors do ' +
            'not matter.',
          { like: { gRPC: 'errorUtilizationPenalty' } },
        ),
      ),
  })
  .superRefine(({ oobReportingPeriod, weightExpirationPeriod }, context) => {
    if (weightExpirationPeriod > oobReportingPeriod) return;
    const params = { hint: `more than ${oobReportingPeriod} ms, as oobReportingPeriod is` };
    const message = 'is over before the next report comes';
    context.addIssue({ code: 'custom', path: ['weightExpirationPeriod'], message, params });
  });

export const weights = z.union(
  [
    z.literal('orca'),
    z.strictObject({
      orca: orca.meta(
        key('How load reports become weights. `weights: { orca: {} }` is the same as `weights: orca`.', {
          like: { gRPC: '`weighted_round_robin` (gRFC A58)' },
        }),
      ),
    }),
  ],
  expecting('orca, or a map with orca'),
);
