// A route for tests as the configuration has it when it is resolved. What a test does not name is as in a route that says nothing of it.

import type { RouteConfig, RouteMatchConfig } from '../../src/config/route-config.ts';

export interface RouteParts extends Partial<Omit<RouteConfig, 'match'>> {
  readonly match?: Partial<RouteMatchConfig>;
}

export function routeConfig({ match, ...parts }: RouteParts = {}): RouteConfig {
  return {
    name: 'route',
    match: { path: undefined, host: undefined, headers: new Map(), listener: undefined, ...match },
    stripPrefix: undefined,
    upstream: 'voice',
    grpcWeb: undefined,
    ...parts,
  };
}
