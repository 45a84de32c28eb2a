// Warns of limits on a route whose default name depends on the order of the file. Its counts, here and in a store, are kept under that name, so
// that a route that is put in front of it gets them. The check reads the unvalidated document, and leaves out limits that are not valid by themselves.

import { describeMatch, type NamedMatch, namesOfRoutes } from './default-route-names.ts';
import type { RouteLimitConfig } from './limits-config.ts';
import { parseHeaderName, parseHostPattern } from './match-criteria.ts';
import { type Finding, isFault } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { resolveLimits } from './resolve-limits.ts';
import { routeLimit } from './route-limits-schema.ts';

export function findMovingLimits(document: unknown): readonly Finding[] {
  const routes = listOf(mapOf(document).get('routes')).map(mapOf);
  const named = routes.map(namedMatchOf);
  const alike = Map.groupBy(
    named.flatMap(({ name, match }, index) =>
      name === undefined ? [{ index, text: describeMatch(match) }] : [],
    ),
    ({ text }) => text,
  );
  let names: readonly string[] | undefined;
  return [...alike.values()].flatMap((group) => {
    if (group.length === 1) return [];
    return group.flatMap(({ index }) => {
      const worst = worstOf(routes[index]);
      if (worst === undefined) return [];
      names ??= namesOfRoutes(named);
      const message = `${worst.what} '${names[index]}', the default name of this route, which depends on the order of ${group.length} routes: ${worst.loss}`;
      const hint = 'write a name at this route, beside match';
      return [
        {
          severity: 'warning',
          path: ['routes', index, 'limits', worst.position],
          at: 'value',
          message,
          hint,
        },
      ];
    });
  });
}

function namedMatchOf(route: RawMap): NamedMatch {
  const match = mapOf(route.get('match'));
  const host = parseHostPattern(textOf(match.get('host')) ?? '');
  const headers = [...mapOf(match.get('headers')).keys()].map(parseHeaderName);
  return {
    name: textOf(route.get('name')),
    match: {
      path: textOf(match.get('path')),
      host: isFault(host) ? undefined : host,
      headers: new Map(headers.flatMap((name) => (isFault(name) ? [] : [[name, '']]))),
      listener: textOf(match.get('listener')),
    },
  };
}

const MIXED =
  'another order gives its counts to other routes, and two proxies with different orders mix them';

/** What becomes of a limit when the name of its route moves to another one. */
interface Moved {
  readonly position: number;
  /** Where it matters more, this is larger. */
  readonly weight: number;
  readonly what: string;
  readonly loss: string;
}

/** The limit of the route to which it matters most. Undefined if none keeps anything under the name of the route. */
function worstOf(route: RawMap): Moved | undefined {
  const moved = listOf(route.get('limits')).flatMap((each, position) => {
    const valid = routeLimit.safeParse(each);
    return valid.success
      ? resolveLimits([valid.data]).flatMap((limit) => movedBy(limit, position) ?? [])
      : [];
  });
  return moved.toSorted((one, other) => other.weight - one.weight).at(0);
}

function movedBy(limit: RouteLimitConfig, position: number): Moved | undefined {
  if (limit.kind === 'service') {
    const tells = limit.descriptors.some((one) => [...one.values()].some(({ kind }) => kind === 'route'));
    if (!tells) return undefined;
    return { position, weight: 1, what: `tells service '${limit.service}' the name`, loss: MIXED };
  }
  // A stream that runs keeps the routes that it began with.
  if (limit.kind !== 'rate' || limit.by.some(({ kind }) => kind === 'stream')) return undefined;
  if (limit.store === undefined) {
    const loss = 'a reload with another order gives its counts to other routes';
    return { position, weight: 0, what: 'is counted under', loss };
  }
  return { position, weight: 2, what: `is counted in store '${limit.store}' under`, loss: MIXED };
}
