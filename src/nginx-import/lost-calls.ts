// Calls that nginx refuses, or answers in a way that could not be carried over. If no route matches them, Framegate refuses them too. If a
// wider route matches, they go to a service that they never reached before, and the report has to say so.

import { type Directive, placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { ListenerGroup } from './listener-group.ts';
import { meetsHost, type RouteIndex } from './route-index.ts';
import type { Route } from './routes.ts';
import type { Displaced, Refusal } from './served-servers.ts';
import { settle } from './settled-directives.ts';

/** What fits no route is refused by itself, so a refusal is lost only where a wider route takes its calls. */
export function judgeRefusals(refusals: readonly Refusal[], index: RouteIndex, ledger: Ledger): void {
  for (const { by, server, paths } of refusals) {
    if (paths === undefined) {
      ledger.refuseAccess(
        by,
        'the paths that are refused here cannot be said: their calls take other routes',
      );
      continue;
    }
    const takers = paths.flatMap((path) => index.taking([path], server).slice(0, 1));
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
  index: RouteIndex,
  ledger: Ledger,
): void {
  for (const { by, server, paths, pass, isGate } of displaced) {
    const takers =
      paths === undefined
        ? [routes.find((route) => index.meets(route, server) && !isSameTarget(pass, route))].filter(
            (route) => route !== undefined,
          )
        : index.taking(paths, server).filter((route) => !isSameTarget(pass, route));
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
      const taker = routes.find(
        (route) => (route.listener ?? group.name) === group.name && meetsHost(route, server),
      );
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
