// nginx decodes paths, merges slashes and resolves `..` before it chooses a location. Framegate compares paths byte for byte. Where a path is
// refused, and a wider route leads to a service that speaks HTTP/1.1, the other spellings of the path reach that service, which may decode them.

import { placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { covers } from './locations.ts';
import type { Route } from './routes.ts';
import { YamlMap } from './yaml-text.ts';

const LEAST_REFUSAL = 400;

export function judgeSpellings(routes: readonly Route[], ledger: Ledger): void {
  for (const refusing of routes.filter(isRefusing)) {
    const taker = routes.find((route) => route !== refusing && takesSpellings(route, refusing));
    if (taker === undefined) continue;
    const where = placeText(taker.location.directive);
    ledger.refuseAccess(
      refusing.branch.pass,
      `${refusing.path} is refused, but other spellings of it (%61 for a, //, /x/..) go to the service of ${where}, which has to refuse them: nginx decodes and merges paths, Framegate compares them byte for byte`,
    );
    const remark = `Takes other spellings of ${refusing.path}, which nginx refuses (${placeText(refusing.branch.pass)})`;
    if (!taker.remarks.includes(remark)) taker.remarks.push(remark);
  }
}

function isRefusing({ branch: { destination } }: Route): boolean {
  if (destination.key !== 'respond' || !(destination.value instanceof YamlMap)) return false;
  const status = destination.value.entries.find(({ key }) => key === 'status')?.value;
  return typeof status === 'number' && status >= LEAST_REFUSAL;
}

/** Services that speak gRPC take no path that they do not know byte for byte. */
function takesSpellings({ branch, path, host, listener }: Route, refusing: Route): boolean {
  const isMet = (host === undefined || host === refusing.host) && listener === refusing.listener;
  return isMet && branch.pass.name === 'proxy_pass' && covers(path, refusing.path);
}
