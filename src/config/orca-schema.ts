// The schema of weights that come from load reports (ORCA). The names are those of gRFC A58 as gRPC writes them in JSON.

import { duration, expecting, z } from './schema-values.ts';

const orca = z
  .strictObject({
    oobReportingPeriod: duration('100ms', '1h')
      .prefault('10s')
      .describe(
        'How often each endpoint is asked to report its load; a server may do so less often (grpc-go: every 30s, unless it ' +
          'is told otherwise). 100ms to 1h. Default: 10s.',
      ),
    blackoutPeriod: duration('0s', '1h')
      .prefault('10s')
      .describe(
        'How long an endpoint must have reported until its weight counts, after it was connected to or its reports had ' +
          'ceased. 0s to 1h. Default: 10s.',
      ),
    weightExpirationPeriod: duration('1s', '24h')
      .prefault('3m')
      .describe(
        'How long a weight counts without a further report. More than oobReportingPeriod. 1s to 24h. Default: 3m.',
      ),
    weightUpdatePeriod: duration('100ms', '1m')
      .prefault('1s')
      .describe('How often calls are shared out by the newest weights. 100ms to 1m. Default: 1s.'),
    errorUtilizationPenalty: z
      .number(expecting('a number'))
      .min(0)
      .max(1000)
      .default(1)
      .describe(
        'By how much errors lower a weight: it is rps / (utilization + eps / rps * errorUtilizationPenalty). 0 to 1000, ' +
          '0: not at all. Default: 1.',
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
      orca: orca.describe('How load reports become weights. orca: {} is the same as weights: orca.'),
    }),
  ],
  expecting('orca, or a map with orca'),
);
