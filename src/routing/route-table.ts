// Chooses the route of a request. Built once per configuration and never changed after that; nothing a client sends is
// remembered, so callers that see the same request again and again may remember the answer themselves.

import type { RouteConfig } from '../config/config.ts';
import { hostOf, matchesHost } from './host.ts';
import { compareSpecificity, pathCriterion } from './specificity.ts';

export interface HeaderSource {
  /** The value of the header of this lower-case name. */
  get(name: string): string | undefined;
}

export interface RoutedRequest {
  /** Name of the listener it came in by. */
  readonly listener: string;
  /** :authority as the client sent it, or '' when it sent none. */
  readonly authority: string;
  /** :path as the client sent it. */
  readonly path: string;
  readonly headers: HeaderSource;
}

export interface RouteTable {
  /** Names of all headers that any route matches on: besides listener, authority and path, all an answer depends on. */
  readonly headerNames: readonly string[];
  /** The most specific route that matches (see specificity.ts), or undefined. */
  match(request: RoutedRequest): RouteConfig | undefined;
}

export function compileRoutes(routes: readonly RouteConfig[]): RouteTable {
  // Sorted once, so that the first that matches is the most specific. A walk over the list is clear, and quick enough
  // for what happens once per new kind of request.
  const candidates = routes.toSorted(compareSpecificity).map(compileRoute);
  const headerNames = [...new Set(routes.flatMap((route) => [...route.match.headers.keys()]))].toSorted();
  return {
    headerNames,
    match(request) {
      const host = hostOf(request.authority);
      const path = withoutQuery(request.path);
      return candidates.find((candidate) => candidate.accepts(request, host, path))?.route;
    },
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

/** Byte for byte: nothing is decoded and no case is folded, since the upstream would not do so either. */
function matchesPath(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

function withoutQuery(path: string): string {
  const queryAt = path.indexOf('?');
  return queryAt === -1 ? path : path.slice(0, queryAt);
}
