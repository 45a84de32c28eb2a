// Measures what least requests, outliers, a deadline and a retry policy cost a call, in its exchange alone: without sockets, frames and
// the log. Prints nanoseconds per call, of batches by turns: the tenth percentile, since a machine with other work makes batches slower
// and never faster. `node bench/micro/safeguards.bench.ts [BATCHES]`

import type { RetryConfig } from '../../src/config/route-config.ts';
import { type CallTerms, measure } from './call-scene.ts';

const RETRY: RetryConfig = {
  attempts: 3,
  on: ['UNAVAILABLE'],
  backoffMs: 100,
  maxBackoffMs: 2000,
  perTryMs: undefined,
  holdMs: 50,
};

const VARIANTS: Readonly<Record<string, CallTerms>> = {
  none: {},
  'least requests': { leastRequests: true },
  outliers: { outliers: true },
  deadline: { deadlineMs: 15_000 },
  retry: { retry: RETRY },
  'retry, hold off': { retry: { ...RETRY, holdMs: 0 } },
  all: { leastRequests: true, outliers: true, deadlineMs: 15_000, retry: RETRY },
};

measure(VARIANTS, Number(process.argv[2] ?? '300'));
