// Finds problems of routes that are each valid by themselves: two with the same match, one that can never win, one whose
// stripPrefix never applies, two between which only the alphabet decides.

import type { NumberedRoute } from '../config/load-config.ts';
import type { Fault, Finding, Severity } from '../config/problem.ts';
import type { RouteMatchConfig } from '../config/route-config.ts';
import { matchesHost } from './host.ts';
import { compareSpecificity, headersText, pathCriterion } from './specificity.ts';
import { stripPrefix } from './strip-prefix.ts';

/**
 * The most pairs of routes that are compared for warnings. All pairs of a thousand routes are fewer; in a file of ten thousand with one
 * path they would hold up the process for a minute.
 */
const MOST_PAIRS = 1_000_000;

/** How many pairs of routes may still be compared. */
interface Budget {
  pairs: number;
}

/** `listenerNames` must be those of all listeners. The paths of the findings begin with `routes`. */
export function findRouteProblems(
  routes: readonly NumberedRoute[],
  listenerNames: readonly string[],
): readonly Finding[] {
  const budget: Budget = { pairs: MOST_PAIRS };
  return [
    ...routes.flatMap(checkStripPrefix),
    ...[...groupByPlace(routes).values()].flatMap((group) => comparePairs(group, budget)),
    ...findShadowed(routes, listenerNames, budget),
  ];
}

function checkStripPrefix({ route, index }: NumberedRoute): readonly Finding[] {
  const path = pathCriterion(route.match);
  const prefix = route.stripPrefix;
  if (path === undefined || prefix === undefined) return [];
  const base = path.endsWith('*') ? path.slice(0, -1) : path;
  if (stripPrefix(base, prefix) !== base) return [];
  if (path.endsWith('*') && prefix.startsWith(base)) {
    const message = `'${prefix}' is removed only from some of the paths that '${path}' matches`;
    const hint = `the others go upstream as they are; to match only the former write path: ${prefix}/*`;
    return [finding('warning', index, ['stripPrefix'], { message, hint })];
  }
  const message = `'${prefix}' is never removed: no path that '${path}' matches begins with it`;
  return [
    finding('error', index, ['stripPrefix'], {
      message,
      hint: 'the path is matched before the prefix is removed',
    }),
  ];
}

/** Only routes with the same listener, host and path can tie. */
function groupByPlace(routes: readonly NumberedRoute[]): ReadonlyMap<string, readonly NumberedRoute[]> {
  return Map.groupBy(routes, ({ route: { match } }) =>
    JSON.stringify([match.listener ?? null, match.host ?? null, pathCriterion(match) ?? null]),
  );
}

function comparePairs(group: readonly NumberedRoute[], budget: Budget): readonly Finding[] {
  const byHeaders = new Map<string, NumberedRoute>();
  return group.flatMap((later, place) => {
    const headers = headersText(later.route.match);
    const duplicate = byHeaders.get(headers);
    if (duplicate !== undefined) {
      const message = `matches the same requests as route ${nameOf(duplicate)}`;
      return [finding('error', later.index, ['match'], { message, hint: 'remove one of the two' })];
    }
    byHeaders.set(headers, later);
    const rival = rivalOf(later, group, place, budget);
    if (rival === undefined) return [];
    const winner = compareSpecificity(rival.route, later.route) < 0 ? rival : later;
    const message = `a request can match route ${nameOf(rival)} equally well; then ${nameOf(winner)} wins`;
    const hint = 'by the alphabet of their headers; give one of them a further criterion';
    return [finding('warning', later.index, ['match'], { message, hint })];
  });
}

/** @returns the first route before `place` that ties with this one */
function rivalOf(
  later: NumberedRoute,
  group: readonly NumberedRoute[],
  place: number,
  budget: Budget,
): NumberedRoute | undefined {
  for (let earlier = 0; earlier < place && budget.pairs > 0; earlier++) {
    budget.pairs--;
    if (isTie(group[earlier].route.match, later.route.match)) return group[earlier];
  }
  return undefined;
}

/** Whether both have the same number of headers, and do not disagree on any. */
function isTie(a: RouteMatchConfig, b: RouteMatchConfig): boolean {
  const agrees = ([name, value]: readonly [string, string]) => (b.headers.get(name) ?? value) === value;
  return a.headers.size === b.headers.size && [...a.headers].every(agrees);
}

/**
 * Finds routes that never win. When one route matches whatever another matches, the wider one is less specific and so takes
 * nothing away, except that a named listener counts before all else. So a route for any listener never wins when every listener
 * has a wider route of its own.
 */
function findShadowed(
  routes: readonly NumberedRoute[],
  listeners: readonly string[],
  budget: Budget,
): readonly Finding[] {
  const named = Map.groupBy(routes, ({ route }) => route.match.listener);
  if (listeners.some((listener) => !named.has(listener))) return [];
  const ofAnyListener = routes.filter(({ route }) => route.match.listener === undefined);
  return ofAnyListener.flatMap(({ route, index }) => {
    const wider: NumberedRoute[] = [];
    for (const listener of listeners) {
      const other = named
        .get(listener)
        ?.find((each) => budget.pairs-- > 0 && covers(each.route.match, route.match));
      if (other === undefined) return [];
      wider.push(other);
    }
    if (wider.length === 0) return [];
    const names = wider.map(nameOf);
    const message = `never wins: ${names.join(' and ')} take its requests on every listener`;
    return [
      finding('warning', index, ['match'], {
        message,
        hint: 'a route that names a listener wins over one that does not',
      }),
    ];
  });
}

/** Whether `wide` matches every request that `narrow` matches, apart from their listeners. */
function covers(wide: RouteMatchConfig, narrow: RouteMatchConfig): boolean {
  return (
    coversHost(wide.host, narrow.host) &&
    coversPath(pathCriterion(wide), pathCriterion(narrow)) &&
    [...wide.headers].every(([name, value]) => narrow.headers.get(name) === value)
  );
}

function coversHost(wide: string | undefined, narrow: string | undefined): boolean {
  if (wide === undefined || wide === narrow) return true;
  return narrow !== undefined && matchesHost(wide, narrow);
}

function coversPath(wide: string | undefined, narrow: string | undefined): boolean {
  if (wide === undefined || wide === narrow) return true;
  return narrow !== undefined && wide.endsWith('*') && narrow.startsWith(wide.slice(0, -1));
}

function nameOf({ route }: NumberedRoute): string {
  return `'${route.name}'`;
}

function finding(severity: Severity, index: number, path: readonly string[], fault: Fault): Finding {
  return { severity, path: ['routes', index, ...path], at: 'value', ...fault };
}
