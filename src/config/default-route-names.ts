// The names of routes that the configuration gives none. They appear in the log, the metrics and the admin server, so they must not contain
// values of header fields, which may be secrets that only the clients of the route know.

import type { RouteMatchConfig } from './route-config.ts';

/** What the name of a route is made of. */
export interface NamedMatch {
  /** Undefined if the configuration gives no name. */
  readonly name?: string | undefined;
  readonly match: RouteMatchConfig;
}

/**
 * @returns the names of all routes, in their order. A default name is that of the match: `grpc.example.com/a.B/* [x-tenant] on internal`.
 * Where that is taken, a number follows: `… #2`. So the names of routes that differ only by values of header fields depend on their order.
 */
export function namesOfRoutes(routes: readonly NamedMatch[]): readonly string[] {
  const taken = new Set(routes.flatMap(({ name }) => name ?? []));
  const lastNumbers = new Map<string, number>();
  return routes.map(({ name, match }) => {
    if (name !== undefined) return name;
    const base = describeMatch(match);
    let number = lastNumbers.get(base) ?? 0;
    let free: string;
    do {
      number++;
      free = number === 1 ? base : `${base} #${number}`;
    } while (taken.has(free));
    lastNumbers.set(base, number);
    taken.add(free);
    return free;
  });
}

/** The default name of a route, without the number that may follow. */
export function describeMatch({ path, host, headers, listener }: RouteMatchConfig): string {
  const parts = [
    `${host ?? ''}${path ?? ''}`,
    ...[...headers.keys()].map((name) => `[${name}]`),
    listener === undefined ? '' : `on ${listener}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}
