// The plans of routes whose policies need no identities, no shared counts and no services.

import { UNOBSERVED } from '../../src/calls/question-observer.ts';
import { NO_SERVICES } from '../../src/calls/unary-service.ts';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { compilePlans } from '../../src/policies/compile-plans.ts';
import { POLICY_KINDS, type PolicyKind, type PolicyParts } from '../../src/policies/policy-kinds.ts';
import type { CallPlans } from '../../src/relay/call-plan.ts';

export const NO_PARTS: PolicyParts = {
  identities: new Map(),
  quotas: new Quotas(() => performance.now()),
  services: NO_SERVICES,
  questions: UNOBSERVED,
};

/** @param kinds in the order in which their policies are called */
export function plansWithoutParts(
  routes: readonly RouteConfig[],
  onFault: (error: unknown, route: string) => void,
  kinds: readonly PolicyKind[] = POLICY_KINDS,
): CallPlans {
  return compilePlans(routes, onFault, kinds, NO_PARTS);
}
