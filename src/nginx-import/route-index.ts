// Finds the routes that take calls of a path which nginx gives to a server, by host and path.

import { matchesHost } from '../routing/host.ts';
import type { ListenerGroup } from './listener-group.ts';
import { PathIndex } from './path-index.ts';
import type { Route } from './routes.ts';
import type { Server } from './server-blocks.ts';

interface Placed {
  readonly route: Route;
  /** Its place among all routes. */
  readonly order: number;
}

export class RouteIndex {
  readonly #byHost = new Map<string | undefined, PathIndex<Placed>>();
  readonly #listeners = new Map<Server, Set<string>>();

  constructor(routes: readonly Route[], groups: readonly ListenerGroup[]) {
    for (const [order, route] of routes.entries()) {
      const index = this.#byHost.get(route.host) ?? new PathIndex<Placed>();
      index.add(route.path, { route, order });
      this.#byHost.set(route.host, index);
    }
    for (const { name, members } of groups) {
      for (const { server } of members) {
        const known = this.#listeners.get(server);
        if (known === undefined) this.#listeners.set(server, new Set([name]));
        else known.add(name);
      }
    }
  }

  /**
   * @returns the routes that get calls of one of the paths of a server, in their order. A narrower route of the server itself gets those
   * that it has in nginx, and does not count
   */
  taking(paths: readonly string[], server: Server): readonly Route[] {
    const indexes = this.#indexesOf(server);
    const found = new Set<Placed>();
    for (const path of paths) {
      for (const index of indexes) {
        for (const placed of index.covering(path)) found.add(placed);
        for (const placed of index.covered(path)) {
          const isOwn = indexes.some((each) =>
            each.covering(placed.route.path).some(({ route }) => route.server === server),
          );
          if (!isOwn) found.add(placed);
        }
      }
    }
    return [...found]
      .filter(({ route }) => this.meets(route, server))
      .toSorted((one, other) => one.order - other.order)
      .map(({ route }) => route);
  }

  /** Whether calls that nginx gives to a server come by a route, if their path fits. */
  meets(route: Route, server: Server): boolean {
    const listeners = this.#listeners.get(server);
    if (listeners === undefined || (route.listener !== undefined && !listeners.has(route.listener)))
      return false;
    return meetsHost(route, server);
  }

  /** Of the routes whose host may fit. */
  #indexesOf({ hosts }: Server): readonly PathIndex<Placed>[] {
    const names = new Set<string | undefined>([undefined]);
    for (const host of hosts) {
      names.add(host);
      for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1))
        names.add(`*${host.slice(dot)}`);
    }
    return [...names].flatMap((name) => this.#byHost.get(name) ?? []);
  }
}

/** Hosts that only another server names never come here in nginx, not even to the default server. */
export function meetsHost({ host }: Route, { hosts }: Server): boolean {
  if (host === undefined) return true;
  return hosts.some((one) => one === host || matchesHost(host, one.replace('*', 'x')));
}
