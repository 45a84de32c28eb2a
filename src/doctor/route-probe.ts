// Chooses a request that shows whether a route works without calling a method of the service: the health check, or a method that no service
// has. The answer UNIMPLEMENTED proves that the path works.

import type { RouteConfig } from '../config/route-config.ts';
import { healthRequest } from '../health/health-message.ts';
import { compileRoutes } from '../routing/route-table.ts';
import { pathCriterion } from '../routing/specificity.ts';
import { stripPrefix } from '../routing/strip-prefix.ts';
import { EMPTY_MESSAGE } from './grpc-call.ts';
import { LIST_SERVICES, REFLECTION_PATHS } from './reflection.ts';

export interface RouteProbe {
  /** As clients call it. */
  readonly path: string;
  /** As the service is called. */
  readonly directPath: string;
  readonly authority: string | undefined;
  readonly headers: ReadonlyMap<string, string>;
  readonly message: Buffer;
  /** Whether the path is of a service that the route names. Otherwise a proxy in front of the service need not know it. */
  readonly isOfService: boolean;
}

const UNKNOWN_CALL = 'framegate.doctor.Probe/Unknown';
const UNKNOWN_METHOD = 'FramegateDoctor';
export const HEALTH_CHECK = '/grpc.health.v1.Health/Check';

/** Why a route of `redirect` or `respond` is not compared. */
export const NO_UPSTREAM = 'the proxy answers its calls itself, so there is no upstream to compare with';

export function hasNoUpstream({ redirect, respond }: RouteConfig): boolean {
  return redirect !== undefined || respond !== undefined;
}

/** @returns undefined for a route to a single method, which would have to be called */
export function probeOf({ match, stripPrefix: prefix }: RouteConfig): RouteProbe | undefined {
  const path = pathOf(pathCriterion(match) ?? '/*', prefix);
  if (path === undefined) return undefined;
  const directPath = prefix === undefined ? path : stripPrefix(path, prefix);
  return {
    path,
    directPath,
    authority: match.host?.replace(/^\*/, 'doctor'),
    headers: match.headers,
    message: messageFor(directPath),
    isOfService: !path.endsWith(UNKNOWN_CALL),
  };
}

/**
 * @param services those that the upstream has. Undefined if they are not known
 * @returns the probe of a route that names no service, by a path of a service that its upstream has; undefined for every other route
 */
export function serviceProbe(
  route: RouteConfig,
  services: readonly string[] | undefined,
): RouteProbe | undefined {
  const probe = probeOf(route);
  if (probe === undefined || probe.isOfService) return undefined;
  const begin = (pathCriterion(route.match) ?? '/*').slice(0, -1);
  const prefix = route.stripPrefix ?? '';
  for (const service of services ?? []) {
    const path = `${prefix}/${service}/${UNKNOWN_METHOD}`;
    if (service.startsWith('grpc.') || !path.startsWith(begin)) continue;
    const directPath = prefix === '' ? path : stripPrefix(path, prefix);
    return { ...probe, path, directPath, message: EMPTY_MESSAGE, isOfService: true };
  }
  return undefined;
}

function pathOf(pattern: string, prefix: string | undefined): string | undefined {
  if (!pattern.endsWith('*')) {
    return pattern === HEALTH_CHECK || REFLECTION_PATHS.includes(pattern) ? pattern : undefined;
  }
  const begin = pattern.slice(0, -1);
  if (HEALTH_CHECK.startsWith(begin) && begin !== '/') return HEALTH_CHECK;
  const reflection = REFLECTION_PATHS.find((path) => begin !== '/' && path.startsWith(begin));
  if (reflection !== undefined) return reflection;
  const isService = /^\/[^/]+\/$/.test(begin) && prefix === undefined;
  if (isService) return `${begin}${UNKNOWN_METHOD}`;
  if (begin.endsWith('/')) return `${begin}${UNKNOWN_CALL}`;
  return begin.lastIndexOf('/') === 0 ? `${begin}${UNKNOWN_CALL}` : `${begin}${UNKNOWN_METHOD}`;
}

function messageFor(path: string): Buffer {
  if (path === HEALTH_CHECK) return healthRequest('');
  return REFLECTION_PATHS.includes(path) ? LIST_SERVICES : EMPTY_MESSAGE;
}

/** @returns the route that the request of the probe would take on this listener */
export function routeTaken(
  routes: readonly RouteConfig[],
  listener: string,
  { path, authority, headers }: Pick<RouteProbe, 'path' | 'authority' | 'headers'>,
): RouteConfig | undefined {
  return compileRoutes(routes).match({ listener, authority: authority ?? 'localhost', path, headers });
}
