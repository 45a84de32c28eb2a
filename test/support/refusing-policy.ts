// A policy for tests, as in ARCHITECTURE's recipe. It refuses all calls of routes whose names begin with 'closed', by the method that
// the test chooses.

import type { Failure } from '../../src/calls/failure.ts';
import type { Policy } from '../../src/calls/policy.ts';
import { GrpcStatus } from '../../src/grpc/status.ts';
import type { PolicyKind } from '../../src/policies/policy-kinds.ts';

export const CLOSED: Failure = {
  token: 'route_closed',
  source: 'policy',
  isRetryable: false,
  grpcStatus: GrpcStatus.PERMISSION_DENIED,
  httpStatus: 403,
  message: 'This route is closed.',
};

export type RefusingMoment = 'decide' | 'ask at once' | 'ask later';

export const REFUSING_MOMENTS: readonly RefusingMoment[] = ['decide', 'ask at once', 'ask later'];

export function refusingPolicy(moment: RefusingMoment): PolicyKind {
  const policy: Policy = { key: 'closed', ...SAYS[moment] };
  return (route) => (route?.name.startsWith('closed') === true ? policy : undefined);
}

const SAYS: Readonly<Record<RefusingMoment, Partial<Policy>>> = {
  decide: { decide: () => ({ kind: 'refuse', failure: CLOSED }) },
  'ask at once': {
    ask(_call, questioner) {
      questioner.refuse(CLOSED);
      return undefined;
    },
  },
  'ask later': {
    ask(_call, questioner) {
      const answer = setImmediate(() => questioner.refuse(CLOSED));
      return { timeoutMs: 60_000, cancel: () => clearImmediate(answer) };
    },
  },
};
