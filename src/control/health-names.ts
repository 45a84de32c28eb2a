// The names that grpc.health.v1 on the admin port knows beside that of the proxy itself: the services that routes name in their paths, and the
// upstreams.

import type { Config } from '../config/config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { Plane } from '../plane/plane.ts';

/** The first segment of a path that names a service: '/pkg.Service/*' and '/pkg.Service/Method', but not '/pkg.Ser*'. */
const SERVICE = /^\/([A-Za-z_][\w.]*)\//;

const known = new WeakMap<Config, ReadonlyMap<string, ReadonlySet<string>>>();

/** @returns for each name the upstreams that its calls go to; of a split those with a weight above 0 */
export function healthNames(config: Config): ReadonlyMap<string, ReadonlySet<string>> {
  const names = known.get(config) ?? namesOf(config);
  known.set(config, names);
  return names;
}

/** @returns the names that stand for calls to an upstream */
export function namesUsing(upstream: string, config: Config): ReadonlySet<string> {
  const names = [...healthNames(config)].filter(([, upstreams]) => upstreams.has(upstream));
  return new Set(names.map(([name]) => name));
}

/** @returns for each name whether all of its upstreams have an endpoint for a call that comes now */
export async function usableNames(
  plane: Pick<Plane, 'unusableUpstreams'>,
  config: () => Config,
): Promise<ReadonlyMap<string, boolean>> {
  const unusable = new Set(await plane.unusableUpstreams());
  // The configuration of after the answer, which a client that has waited for a reload expects.
  return new Map(
    Array.from(healthNames(config()), ([name, upstreams]) => [
      name,
      [...upstreams].every((one) => !unusable.has(one)),
    ]),
  );
}

function namesOf({ routes, upstreams }: Config): ReadonlyMap<string, ReadonlySet<string>> {
  const grpc = new Set(upstreams.filter(({ protocol }) => protocol !== 'http1').map(({ name }) => name));
  const names = new Map<string, Set<string>>(upstreams.map(({ name }) => [name, new Set([name])]));
  for (const route of routes) {
    const targets = targetsOf(route).filter((target) => grpc.has(target));
    const service = serviceOf(route);
    if (service === undefined || targets.length === 0) continue;
    const of = names.get(service) ?? new Set();
    for (const target of targets) of.add(target);
    names.set(service, of);
  }
  return names;
}

function targetsOf({ upstream, split = [] }: RouteConfig): readonly string[] {
  if (upstream !== undefined) return [upstream];
  return split.filter(({ weight }) => weight > 0).map((part) => part.upstream);
}

/** As the service itself is named, without a prefix that the proxy removes. */
function serviceOf({ match: { path = '' }, stripPrefix = '' }: RouteConfig): string | undefined {
  const seen = path.startsWith(`${stripPrefix}/`) ? path.slice(stripPrefix.length) : path;
  return SERVICE.exec(seen)?.[1];
}
