// nginx decodes paths, merges slashes and resolves `..` before it chooses a location. Framegate compares paths byte for byte. Where a path is
// refused, or only some may call it, and a wider route leads to a service that speaks HTTP/1.1, the other spellings of the path reach that
// service, which may decode them.

import { placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { PathIndex } from './path-index.ts';
import type { Route } from './routes.ts';
import { renderYaml, YamlMap } from './yaml-text.ts';

/** A route that may take other spellings of a path. */
interface Taker {
  readonly route: Route;
  readonly order: number;
  readonly access: string | undefined;
}

const LEAST_REFUSAL = 400;

export function judgeSpellings(routes: readonly Route[], ledger: Ledger): void {
  const takers = new Map<string, PathIndex<Taker>>();
  for (const [order, route] of routes.entries()) {
    // Services that speak gRPC take no path that they do not know byte for byte.
    if (route.branch.pass.name !== 'proxy_pass') continue;
    const key = placeOf(route, route.host);
    const index = takers.get(key) ?? new PathIndex<Taker>();
    index.add(route.path, { route, order, access: accessOf(route) });
    takers.set(key, index);
  }
  for (const route of routes) {
    const isRefused = isRefusing(route);
    const access = isRefused ? undefined : accessOf(route);
    if (!isRefused && access === undefined) continue;
    const places = new Set([placeOf(route, undefined), placeOf(route, route.host)]);
    const [first] = [...places]
      .flatMap((place) => takers.get(place)?.covering(route.path) ?? [])
      .filter((one) => one.route !== route && (isRefused || one.access !== access))
      .toSorted((one, other) => one.order - other.order);
    const taker = first?.route;
    if (taker === undefined) continue;
    const where = placeText(taker.location.directive);
    const by = isRefused ? route.branch.pass : route.location.directive;
    ledger.refuseAccess(
      by,
      `${route.path} ${isRefused ? 'is refused' : 'is for some clients alone'}, but other spellings of it (%61 for a, //, /x/..) go to the service of ${where}, which has to refuse them: nginx decodes and merges paths, Framegate compares them byte for byte`,
    );
    const remark = `Takes other spellings of ${route.path}, which nginx ${isRefused ? 'refuses' : 'keeps for some clients'} (${placeText(by)})`;
    if (!taker.remarks.includes(remark)) taker.remarks.push(remark);
  }
}

/** @returns what says the `access` of a route; undefined if it has none */
function accessOf({ branch }: Route): string | undefined {
  const entry = branch.settings.find(({ key }) => key === 'access');
  return entry === undefined ? undefined : renderYaml(new YamlMap([entry]));
}

function isRefusing({ branch: { destination } }: Route): boolean {
  if (destination.key !== 'respond' || !(destination.value instanceof YamlMap)) return false;
  const status = destination.value.entries.find(({ key }) => key === 'status')?.value;
  return typeof status === 'number' && status >= LEAST_REFUSAL;
}

/** Where calls have to come in for a route to take them: other spellings have the same host. */
function placeOf({ listener }: Route, host: string | undefined): string {
  return JSON.stringify([listener, host]);
}
