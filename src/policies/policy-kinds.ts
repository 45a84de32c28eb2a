// All kinds of policies that a route can have, in the order in which they are called. A policy that a route does not configure costs its
// calls nothing.

import type { Policy } from '../calls/policy.ts';
import type { QuestionObserver } from '../calls/question-observer.ts';
import type { UnaryServices } from '../calls/unary-service.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { IdentitySet } from '../identities/identities.ts';
import type { FlowQuotaSource } from '../limits/quotas.ts';
import { accessPolicy } from './access/access-policy.ts';
import { authorizePolicy } from './authorize/authorize-policy.ts';
import { faultPolicy } from './fault-policy.ts';
import { grpcWebPolicy } from './grpc-web/grpc-web-policy.ts';
import { headersPolicy } from './headers-policy.ts';
import { hedgePolicy } from './hedge-policy.ts';
import { limitServicePolicies } from './limit-service/limit-service-policy.ts';
import { flowLimitsPolicy } from './limits/flow-limits-policy.ts';
import { limitsPolicy } from './limits/limits-policy.ts';
import { redirectPolicy } from './redirect-policy.ts';
import { respondPolicy } from './respond-policy.ts';
import { retryPolicy } from './retry-policy.ts';

/** What policies are built with, beside the configuration of their route. */
export interface PolicyParts {
  /** The identities of the configuration, by name. */
  readonly identities: IdentitySet;
  /** The tokens of limits. */
  readonly quotas: FlowQuotaSource;
  /** The upstreams of the configuration, for policies that ask them. */
  readonly services: UnaryServices;
  /** Is told of what is asked. */
  readonly questions: QuestionObserver;
}

/**
 * Creates the policy of one route, or several in their order, from its configuration. Called once for each route when a configuration is loaded, and once with
 * undefined for requests that match no route.
 * @returns undefined if the route has no such policy
 */
export type PolicyKind = (
  route: RouteConfig | undefined,
  parts: PolicyParts,
) => Policy | readonly Policy[] | undefined;

export const POLICY_KINDS: readonly PolicyKind[] = [
  accessPolicy,
  limitsPolicy,
  flowLimitsPolicy,
  limitServicePolicies,
  authorizePolicy,
  faultPolicy,
  grpcWebPolicy,
  redirectPolicy,
  respondPolicy,
  headersPolicy,
  retryPolicy,
  hedgePolicy,
];
