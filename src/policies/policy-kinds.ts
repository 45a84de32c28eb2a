// All policies that routes can have, in the order in which they speak. What a route does not configure costs its calls nothing.

import type { Policy } from '../calls/policy.ts';
import type { RouteConfig } from '../config/config.ts';
import { grpcWebPolicy } from './grpc-web/grpc-web-policy.ts';

/**
 * Makes the policy of one route from its configuration. Called once for each route when a configuration is put to use, and once for
 * the requests that no route matches, with undefined.
 * @returns undefined where the route has no such policy
 */
export type PolicyKind = (route: RouteConfig | undefined) => Policy | undefined;

export const POLICY_KINDS: readonly PolicyKind[] = [grpcWebPolicy];
