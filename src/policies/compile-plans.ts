// Compiles the policies of each route of a configuration into the plan of its calls.

import type { RouteConfig } from '../config/route-config.ts';
import { CallPlan, type CallPlans, PLAIN } from '../relay/call-plan.ts';
import type { PolicyKind, PolicyParts } from './policy-kinds.ts';

/**
 * @param onFault receives each error that a policy throws during a call. Must not throw.
 * @param kinds in the order in which their policies are called
 */
export function compilePlans(
  routes: readonly RouteConfig[],
  onFault: (error: unknown, route: string) => void,
  kinds: readonly PolicyKind[],
  parts: PolicyParts,
): CallPlans {
  const planOf = (route: RouteConfig | undefined): CallPlan => {
    const policies = kinds.flatMap((kind) => kind(route, parts) ?? []);
    return policies.length === 0
      ? PLAIN
      : new CallPlan(policies, (error) => onFault(error, route?.name ?? ''));
  };
  const plans = new Map(routes.map((route) => [route, planOf(route)]));
  const unrouted = planOf(undefined);
  return {
    of(route) {
      if (route === undefined) return unrouted;
      const plan = plans.get(route);
      // Of another configuration: without its policies nobody may pass.
      if (plan === undefined) throw new Error(`route ${route.name} has no plan`);
      return plan;
    },
  };
}
