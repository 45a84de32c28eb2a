// Chooses the route of a request. A table is built once per configuration and is immutable. It caches nothing that clients send,
// so callers that see the same request repeatedly may cache the result themselves.

import type { RouteConfig } from '../config/route-config.ts';
import { hostOf, matchesHost } from './host.ts';
import { findNearMiss, type NearMiss } from './near-miss.ts';
import { matchesPath, type RoutedRequest, withoutQuery } from './routed-request.ts';
import { compareSpecificity, pathCriterion } from './specificity.ts';

export interface RouteTable {
  /** The names of all headers that any route matches on. A result depends only on these, the listener, the authority and the path. */
  readonly headerNames: readonly string[];
  /** Whether any route names this host, given in lower case and without port. */
  namesHost(host: string): boolean;
  /** The most specific route that matches (see specificity.ts), or undefined. */
  match(request: RoutedRequest): RouteConfig | undefined;
  /** For a request that no route matches: the route that nearly did, and why it did not. */
  nearMiss(request: RoutedRequest): NearMiss | undefined;
}

export function compileRoutes(routes: readonly RouteConfig[]): RouteTable {
  // Sorted once, so that the first match is the most specific. A pass over the list is simple, and fast enough for what happens
  // once per new kind of request.
  const sorted = routes.toSorted(compareSpecificity);
  const candidates = sorted.map(compileRoute);
  const headerNames = [...new Set(routes.flatMap((route) => [...route.match.headers.keys()]))].toSorted();
  return {
    headerNames,
    namesHost: (host) =>
      routes.some(({ match }) => match.host !== undefined && matchesHost(match.host, host)),
    match(request) {
      const host = hostOf(request.authority);
      const path = withoutQuery(request.path);
      return candidates.find((candidate) => candidate.accepts(request, host, path))?.route;
    },
    nearMiss: (request) => findNearMiss(sorted, request),
  };
}

interface Candidate {
  readonly route: RouteConfig;
  accepts(request: RoutedRequest, host: string, path: string): boolean;
}

function compileRoute(route: RouteConfig): Candidate {
  const { listener, host: hostPattern, headers } = route.match;
  const pathPattern = pathCriterion(route.match);
  const headerList = [...headers];
  return {
    route,
    accepts: (request, host, path) =>
      (listener === undefined || listener === request.listener) &&
      (pathPattern === undefined || matchesPath(pathPattern, path)) &&
      (hostPattern === undefined || matchesHost(hostPattern, host)) &&
      headerList.every(([name, value]) => request.headers.get(name) === value),
  };
}
