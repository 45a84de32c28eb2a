// Calls that nginx refuses, or answers in a way that could not be carried over. If no route matches them, Framegate refuses them too. If a
// wider route matches, they go to a service that they never reached before, and the report has to say so.

import { matchesHost } from '../routing/host.ts';
import { type Directive, placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { ListenerGroup } from './listener-group.ts';
import { covers } from './locations.ts';
import type { Route } from './routes.ts';
import type { Displaced, Refusal } from './served-servers.ts';
import type { Server } from './server-blocks.ts';
import { settle } from './settled-directives.ts';

/** What fits no route is refused by itself, so a refusal is lost only where a wider route takes its calls. */
export function judgeRefusals(
  refusals: readonly Refusal[],
  routes: readonly Route[],
  groups: readonly ListenerGroup[],
  ledger: Ledger,
): void {
  for (const { by, server, paths } of refusals) {
    if (paths === undefined) {
      ledger.refuseAccess(
        by,
        'the paths that are refused here cannot be said: their calls take other routes',
      );
      continue;
    }
    const takers = paths.flatMap(
      (path) => routes.find((route) => takes(route, path, server, routes, groups)) ?? [],
    );
    if (takers.length === 0) {
      ledger.change(by, 'left out: what fits no route is refused, with 404, or UNIMPLEMENTED for gRPC');
      continue;
    }
    const [taker] = takers;
    ledger.refuseAccess(
      by,
      `nobody is refused here: ${paths.join(', ')} would be served by the route of ${placeText(taker.location.directive)}`,
    );
    for (const route of takers)
      route.remarks.push(`Takes calls that nginx refuses: ${paths.join(', ')} (${placeText(by)})`);
  }
}

/** What could not be carried over, though nginx sends or answers calls there: those go elsewhere if a route takes them. */
export function judgeDisplaced(
  displaced: readonly Displaced[],
  routes: readonly Route[],
  groups: readonly ListenerGroup[],
  ledger: Ledger,
): void {
  for (const { by, server, paths, pass, isGate } of displaced) {
    const takers = routes.filter(
      (route) =>
        (paths === undefined
          ? meets(route, server, groups)
          : paths.some((path) => takes(route, path, server, routes, groups))) && !isSameTarget(pass, route),
    );
    if (takers.length === 0) continue;
    const [taker] = takers;
    if (ledger.judgementOf(by) === undefined) settle(by, ledger);
    if (isGate) {
      ledger.refuseAccess(
        by,
        `those that it answers or sends away would be served: the route of ${placeText(taker.location.directive)} takes them`,
      );
      continue;
    }
    const what = paths === undefined ? 'its calls' : `calls of ${paths.join(', ')}`;
    ledger.refuseDestination(
      by,
      `${what} go elsewhere now: the route of ${placeText(taker.location.directive)} takes them`,
    );
    if (paths === undefined) continue;
    for (const route of takers)
      route.remarks.push(`Takes calls that nginx does not send here: see ${placeText(by)}`);
  }
}

/** Whether a route sends calls where nginx does, told by what is written alone: paths and variables may make a difference. */
function isSameTarget(pass: Directive | undefined, { branch, stripPrefix }: Route): boolean {
  const [target = ''] = pass?.words ?? [];
  const other = branch.pass;
  return (
    pass !== undefined &&
    pass.name === other.name &&
    target === other.words[0] &&
    stripPrefix === undefined &&
    /^([a-z]+:\/\/)?[^/$]+$/i.test(target)
  );
}

/** Whether a route gets calls of a path of a server. A narrower route of the server itself gets those that it has in nginx. */
function takes(
  route: Route,
  path: string,
  server: Server,
  routes: readonly Route[],
  groups: readonly ListenerGroup[],
): boolean {
  if (!meets(route, server, groups)) return false;
  if (covers(route.path, path)) return true;
  return (
    covers(path, route.path) &&
    route.server !== server &&
    !routes.some((own) => own.server === server && covers(own.path, route.path))
  );
}

/** A server that shakes hands with nobody serves nobody. Its name is served now if a route takes its calls. */
export function judgeRejected(
  routes: readonly Route[],
  groups: readonly ListenerGroup[],
  ledger: Ledger,
): void {
  for (const group of groups) {
    for (const { server } of group.isTls ? group.members : []) {
      const reject = server.scope.setting('ssl_reject_handshake');
      if (reject?.words[0] !== 'on' || server === group.defaultServer) continue;
      const taker = routes.find((route) => meets(route, server, [group]));
      if (taker === undefined) {
        ledger.change(reject, 'left out: no route has the hosts of this server');
        continue;
      }
      ledger.refuseAccess(
        reject,
        `tls.unknownServerName is for names that no certificate has: the route of ${placeText(taker.location.directive)} serves this one`,
      );
      taker.remarks.push(`Takes calls of a server that refuses its name (${placeText(reject)})`);
    }
  }
}

/** Whether calls that nginx gives to a server come by a route, if their path fits. */
function meets(route: Route, server: Server, groups: readonly ListenerGroup[]): boolean {
  const own = groups.filter(({ members }) => members.some((member) => member.server === server));
  if (own.length === 0) return false;
  if (route.listener !== undefined && !own.some(({ address }) => address === route.listener)) return false;
  // Hosts that only another server names never come here in nginx, not even to the default server.
  if (route.host === undefined) return true;
  const { host } = route;
  return server.hosts.some((one) => one === host || matchesHost(host, one.replace('*', 'x')));
}
