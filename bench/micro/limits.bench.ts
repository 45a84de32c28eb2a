// Measures what `limits` cost a call, in its exchange alone: without sockets, frames and the log.
// `node bench/micro/limits.bench.ts [BATCHES]`

import type { Policy } from '../../src/calls/policy.ts';
import type { LimitKeyPart, RateLimitConfig } from '../../src/config/limits-config.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { limitsPolicy } from '../../src/policies/limits/limits-policy.ts';
import { turnNowMs } from '../../src/transport/turn-clock.ts';
import { routeConfig } from '../../test/support/route-config.ts';
import { type CallTerms, measure } from './call-scene.ts';

/** Stands for `access`, which knows the caller already: the same text in each of its calls. */
const caller = { text: 'office:alice', key: 'office\nalice' };
const known: Policy = {
  key: 'known',
  ask: (call, questioner) => {
    call.identify(caller);
    questioner.admit();
    return undefined;
  },
};

/** @param workers how many processes share the limit. None of them is ever told of the others' calls here. */
function limitedBy(by: readonly LimitKeyPart[], workers = 1): Policy {
  const limit: RateLimitConfig = {
    kind: 'rate',
    count: 'calls',
    direction: 'both',
    rate: { count: 1e9, periodMs: 1000 },
    burst: 1e9,
    by,
    exceed: 'refuse',
  };
  const quotas = new Quotas(turnNowMs);
  if (workers > 1)
    quotas.reports.connect(
      ({ report, counts }) =>
        setImmediate(() => quotas.reports.answered({ report, used: counts, announced: counts })),
      workers,
    );
  const policy = limitsPolicy(routeConfig({ match: { path: '/*' }, limits: [limit] }), { quotas: quotas });
  if (policy === undefined) throw new Error('there is no policy');
  return policy;
}

const list = HeaderList.of(
  [':method', 'POST'],
  [':path', '/a.B/C'],
  ['content-type', 'application/grpc'],
  ['x-tenant', 'blue'],
);
const identity: LimitKeyPart = { kind: 'identity' };
const tenant: LimitKeyPart = { kind: 'header', name: 'x-tenant' };
const variants: Readonly<Record<string, CallTerms>> = {
  'no limit': { list, policies: [known] },
  identity: { list, policies: [known, limitedBy([identity])] },
  'identity, 4 workers': { list, policies: [known, limitedBy([identity], 4)] },
  client: { list, policies: [known, limitedBy([{ kind: 'client' }])] },
  header: { list, policies: [known, limitedBy([tenant])] },
  'identity, header': { list, policies: [known, limitedBy([identity, tenant])] },
  'three limits': {
    list,
    policies: [known, limitedBy([identity]), limitedBy([tenant]), limitedBy([{ kind: 'route' }])],
  },
};
measure(variants, Number(process.argv[2] ?? '300'));
