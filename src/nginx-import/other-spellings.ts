// nginx decodes paths, merges slashes and resolves `..` before it chooses a location. Framegate compares paths byte for byte. Where a path is
// refused, or only some may call it, and a wider route leads to a service that speaks HTTP/1.1, the other spellings of the path reach that
// service, which may decode them.

import { placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { covers } from './locations.ts';
import type { Route } from './routes.ts';
import { renderYaml, YamlMap } from './yaml-text.ts';

const LEAST_REFUSAL = 400;

export function judgeSpellings(routes: readonly Route[], ledger: Ledger): void {
  const takers = routes.filter(({ branch }) => branch.pass.name === 'proxy_pass');
  for (const route of routes) {
    const isRefused = isRefusing(route);
    const access = isRefused ? undefined : accessOf(route);
    if (!isRefused && access === undefined) continue;
    const taker = takers.find(
      (other) => other !== route && takesSpellings(other, route) && (isRefused || accessOf(other) !== access),
    );
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

/** Services that speak gRPC take no path that they do not know byte for byte. */
function takesSpellings({ path, host, listener }: Route, refusing: Route): boolean {
  const isMet = (host === undefined || host === refusing.host) && listener === refusing.listener;
  return isMet && covers(path, refusing.path);
}
