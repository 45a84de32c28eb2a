// Finds the routes that get calls which nginx gives to a server at a path: those that the route table chooses, by listener, host and path.

import { matchesHost } from '../routing/host.ts';
import { compareSpecificity } from '../routing/specificity.ts';
import type { ListenerGroup } from './listener-group.ts';
import { PathIndex } from './path-index.ts';
import type { Route } from './routes.ts';
import type { Server } from './server-blocks.ts';
import { YamlMap } from './yaml-text.ts';

interface Placed {
  readonly route: Route;
  /** Its place among all routes, the most specific one first. */
  readonly order: number;
}

/** What the calls of a server have in common that come by one listener for one of its hosts. */
interface Entrance {
  readonly server: Server;
  readonly listener: string;
  /** Undefined for hosts that no server names. */
  readonly host: string | undefined;
}

export class RouteIndex {
  readonly #byHost = new Map<string | undefined, PathIndex<Placed>>();
  readonly #entrances = new Map<Server, Entrance[]>();
  readonly #ofAllPaths = new Map<Server, readonly Route[]>();

  constructor(routes: readonly Route[], groups: readonly ListenerGroup[]) {
    const sorted = routes
      .map((route) => ({ route, match: matchOf(route) }))
      .toSorted(compareSpecificity)
      .map(({ route }, order) => ({ route, order }));
    for (const placed of sorted) {
      const { host, path } = placed.route;
      const index = this.#byHost.get(host) ?? new PathIndex<Placed>();
      index.add(path, placed);
      this.#byHost.set(host, index);
    }
    const isByListener = routes.some(({ listener }) => listener !== undefined);
    for (const group of groups) {
      for (const { server } of group.members) {
        const known = this.#entrances.get(server) ?? [];
        // Where no route names a listener, each of them is like the first.
        if (isByListener || known.length === 0) known.push(...entrancesOf(server, group));
        this.#entrances.set(server, known);
      }
    }
  }

  /**
   * @param isBeforeLocations whether nginx takes these calls before it chooses a location. If not, a narrower route of the server itself
   * gets those that it has in nginx, and does not count
   * @returns the routes that get calls of one of the paths of a server, the most specific first
   */
  taking(paths: readonly string[], server: Server, isBeforeLocations: boolean): readonly Route[] {
    const found = new Set<Placed>();
    for (const entrance of this.#entrances.get(server) ?? []) {
      for (const path of paths) {
        const narrower = this.#candidates(entrance, (index) => index.covered(path));
        const wider = new Set(this.#candidates(entrance, (index) => index.covering(path)));
        for (const placed of chosenOf(path, wider, narrower))
          if (isBeforeLocations || placed.route.server !== server || wider.has(placed)) found.add(placed);
      }
    }
    return sortedRoutes(found);
  }

  /** @returns all routes that get calls of a server, the most specific first; its own as well */
  takingAny(server: Server): readonly Route[] {
    const known = this.#ofAllPaths.get(server);
    if (known !== undefined) return known;
    const found = new Set<Placed>();
    for (const entrance of this.#entrances.get(server) ?? []) {
      const all = this.#candidates(entrance, (index) => index.covered('/*'));
      for (const placed of chosenOf('/*', new Set(), all)) found.add(placed);
    }
    const routes = sortedRoutes(found);
    this.#ofAllPaths.set(server, routes);
    return routes;
  }

  /** @returns the routes that an index finds and that the calls of an entrance meet */
  #candidates(
    { host, listener }: Entrance,
    find: (index: PathIndex<Placed>) => readonly Placed[],
  ): readonly Placed[] {
    return hostsMeeting(host)
      .flatMap((name) => this.#byHost.get(name) ?? [])
      .flatMap(find)
      .filter(({ route }) => route.listener === undefined || route.listener === listener);
  }
}

/** Hosts that only another server names never come here in nginx, not even to the default server. */
function entrancesOf(server: Server, { name, defaultServer }: ListenerGroup): readonly Entrance[] {
  const isOpen = server === defaultServer || server.hosts.length === 0;
  const hosts = isOpen ? [...server.hosts, undefined] : server.hosts;
  return hosts.map((host) => ({ server, listener: name, host }));
}

/** @returns the hosts of routes that calls of a host meet: itself, wildcards, and none */
function hostsMeeting(host: string | undefined): readonly (string | undefined)[] {
  if (host === undefined) return [undefined];
  const names: (string | undefined)[] = [undefined, host];
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    const wildcard: string = `*${host.slice(dot)}`;
    if (wildcard !== host && matchesHost(wildcard, host.replace('*', 'x'))) names.push(wildcard);
  }
  return names;
}

/**
 * @param wider routes that match each call of the path
 * @param narrower routes that match only calls of the path
 * @returns those that get some: the others have a more specific route before them that takes all of theirs
 */
function chosenOf(path: string, wider: ReadonlySet<Placed>, narrower: readonly Placed[]): readonly Placed[] {
  const taken = new PathIndex<Placed>();
  return [...new Set([...wider, ...narrower])]
    .toSorted((one, other) => one.order - other.order)
    .filter((placed) => {
      const { route } = placed;
      const matched = wider.has(placed) ? path : route.path;
      if (taken.covering(matched).length > 0) return false;
      if (route.branch.header === undefined) taken.add(matched, placed);
      return true;
    });
}

function sortedRoutes(found: ReadonlySet<Placed>): readonly Route[] {
  return [...found].toSorted((one, other) => one.order - other.order).map(({ route }) => route);
}

function matchOf({ listener, host, path, branch }: Route): Parameters<typeof compareSpecificity>[0]['match'] {
  const value = branch.header?.value;
  const headers = value instanceof YamlMap ? value.entries : [];
  return {
    listener,
    host,
    path,
    headers: new Map(
      headers.flatMap(({ key, value: wanted }) => (typeof wanted === 'string' ? [[key, wanted]] : [])),
    ),
  };
}
