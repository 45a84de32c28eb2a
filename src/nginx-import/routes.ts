// The routes of the output: the locations of each server, once for each of its hosts, and for each listener if the listeners differ.

import { matchesHost } from '../routing/host.ts';
import type { Branch } from './branches.ts';
import { type Directive, placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { ListenerGroup } from './listener-group.ts';
import { NOT_CARRIED_OVER } from './not-carried-over.ts';
import type { ServedLocation, ServedServer } from './served-servers.ts';
import type { Server } from './server-blocks.ts';
import { shownName } from './shown-directive.ts';
import { type YamlEntry, type YamlItem, YamlMap } from './yaml-text.ts';

export interface Route {
  /** Its name. */
  readonly listener: string | undefined;
  readonly host: string | undefined;
  readonly path: string;
  readonly location: ServedLocation;
  readonly branch: Branch;
  readonly server: Server;
  readonly stripPrefix: string | undefined;
  /** Remarks that are added as more becomes known. */
  readonly remarks: string[];
}

/** @param groups those with a server that has routes */
export function routesOf(
  served: readonly ServedServer[],
  groups: readonly ListenerGroup[],
  ledger: Ledger,
): readonly Route[] {
  const places = areAlike(groups)
    ? [{ group: groups[0], listener: undefined }]
    : groups.map((group) => ({ group, listener: group.name }));
  const orders = new Map(served.map((one, order) => [one.server, order]));
  const routes = places.flatMap(({ group, listener }) =>
    group.members
      .map(({ server }) => orders.get(server) ?? 0)
      .toSorted((one, other) => one - other)
      .map((order) => served[order])
      .flatMap((one) =>
        hostsOf(one.server, group, ledger).flatMap((host) => routesOfHost(one, host, listener)),
      ),
  );
  noteOpenHosts(routes, ledger);
  const single = withoutDoubles(routes, ledger);
  noteCountedApart(single, ledger);
  return single;
}

/** Whether each server is on all listeners, and the same one answers for unknown hosts. Routes need no listener then. */
function areAlike(groups: readonly ListenerGroup[]): boolean {
  const [first, ...others] = groups;
  const servers = new Set(first.members.map(({ server }) => server));
  return others.every(
    ({ members, defaultServer }) =>
      defaultServer === first.defaultServer &&
      members.length === first.members.length &&
      members.every(({ server }) => servers.has(server)),
  );
}

/** The default server takes every host. It needs its names as well where another server has a wildcard that fits them. */
function hostsOf(
  server: Server,
  { members, defaultServer }: ListenerGroup,
  ledger: Ledger,
): readonly (string | undefined)[] {
  if (server !== defaultServer) {
    for (const directive of server.scope.own('server_name')) {
      if (ledger.judgementOf(directive)?.verdict !== 'unsupported') continue;
      ledger.refuseDestination(directive, 'calls of these hosts take the routes of another server');
    }
    if (server.hosts.length === 0) {
      ledger.refuse(
        server.directive,
        'left out: it has no name that could be said, and another server answers for unknown hosts',
      );
    }
    return server.hosts;
  }
  for (const directive of server.scope.own('server_name')) {
    if (server.hosts.length > 0)
      ledger.carry(
        directive,
        'as the default of its port the server takes every host, so its routes need none',
      );
  }
  const wildcards = members
    .filter((member) => member.server !== server)
    .flatMap((member) => member.server.hosts.filter((host) => host.startsWith('*.')));
  const named = server.hosts.filter((host) =>
    wildcards.some((wildcard) => matchesHost(wildcard, host.replace('*', 'x'))),
  );
  return [undefined, ...named];
}

function routesOfHost(
  { server, locations, strippedPrefixes }: ServedServer,
  host: string | undefined,
  listener: string | undefined,
): readonly Route[] {
  return locations.flatMap((location) =>
    branchPathsOf(location).flatMap(({ branch, path }) => {
      const own = {
        listener,
        host,
        path,
        location,
        branch,
        server,
        stripPrefix: branch.stripPrefix,
        remarks: [],
      };
      const below = strippedPrefixes.map((prefix) => ({
        ...own,
        path: `${prefix}${path}`,
        stripPrefix: prefix,
        remarks: [],
      }));
      return own.stripPrefix === undefined ? [own, ...below] : [own];
    }),
  );
}

function branchPathsOf({
  paths,
  outcome,
}: ServedLocation): readonly { readonly branch: Branch; readonly path: string }[] {
  return paths.flatMap((path) => outcome.branches.map((branch) => ({ branch, path })));
}

function withoutDoubles(routes: readonly Route[], ledger: Ledger): readonly Route[] {
  const seen = new Map<string, Route>();
  return routes.filter((route) => {
    const { listener, host, path, branch } = route;
    const key = JSON.stringify([listener, host, path, headerText(branch.header)]);
    const first = seen.get(key);
    if (first === undefined) return seen.set(key, route) !== undefined;
    const { directive } = route.location;
    if (first.location.directive !== directive) {
      ledger.change(
        directive,
        `left out: ${placeText(first.location.directive)} has the same path before it`,
      );
    }
    return false;
  });
}

/** A location has one count in nginx. Where it becomes several routes, each of them has its own. */
function noteCountedApart(routes: readonly Route[], ledger: Ledger): void {
  const limited = routes.filter(({ branch }) => branch.settings.some(({ key }) => key === 'limits'));
  for (const [location, { length }] of Map.groupBy(limited, (route) => route.location)) {
    if (length === 1) continue;
    for (const directive of location.outcome.said)
      if (directive.name === 'limit_req')
        ledger.change(
          directive,
          `this location becomes ${length} routes, each of which counts for itself: whoever can choose among them may make ${length} times as many calls. Lower the rate where that matters`,
        );
  }
}

function headerText(header: YamlEntry | undefined): string | undefined {
  return header?.value instanceof YamlMap
    ? JSON.stringify(header.value.entries.map(({ key, value }) => [key, value]))
    : undefined;
}

/** In nginx a host never meets the locations of another server. Here it does, where none of its own fits. */
function noteOpenHosts(routes: readonly Route[], ledger: Ledger): void {
  const firstOpen = new Map(
    routes.filter(({ host }) => host === undefined).map((route) => [route.listener, route]),
  );
  const named = Map.groupBy(
    routes.filter(({ host }) => host !== undefined),
    ({ listener }) => listener,
  );
  for (const open of firstOpen.values()) {
    const beside = named.get(open.listener) ?? [];
    const whole = new Set(beside.filter(({ path }) => path === '/*').map((route) => route.server));
    for (const server of new Set(beside.map((route) => route.server))) {
      if (server === open.server || whole.has(server)) continue;
      ledger.change(
        server.directive,
        `calls of its hosts that fit none of its locations take the routes without a host (${placeText(open.server.directive)}), where nginx answers 404`,
      );
    }
  }
}

/** In the remark above a route. The report and the head of the file have all. */
const MOST_NAMED = 20;

/** @param name its own among the routes */
export function routeItem(route: Route, name: string): YamlItem {
  const { outcome, directive } = route.location;
  const { branch } = route;
  const match = new YamlMap([
    entryOf('listener', route.listener, route.server.directive),
    entryOf('host', route.host, route.server.directive),
    { key: 'path', value: route.path, from: directive },
    branch.header,
  ]);
  const value = new YamlMap([
    { key: 'name', value: name },
    { key: 'match', value: match },
    entryOf('stripPrefix', route.stripPrefix, undefined),
    branch.destination,
    ...branch.settings,
  ]);
  const lost = outcome.lost.slice(0, MOST_NAMED).map((one) => `${shownName(one)} (${placeText(one)})`);
  if (outcome.lost.length > MOST_NAMED) lost.push(`and ${outcome.lost.length - MOST_NAMED} more`);
  const warning =
    lost.length === 0 ? [] : [`${NOT_CARRIED_OVER}, and it decides who may call: ${lost.join(', ')}`];
  return { value, above: [...warning, ...new Set(route.remarks)] };
}

function entryOf(key: string, value: string | undefined, from: Directive | undefined): YamlEntry | undefined {
  return value === undefined ? undefined : { key, value, from };
}
