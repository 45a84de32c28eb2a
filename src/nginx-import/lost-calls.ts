// Calls that nginx refuses, or answers in a way that could not be carried over. If no route matches them, Framegate refuses them too. If a
// wider route matches, they go to a service that they never reached before, and the report has to say so.

import { type Directive, placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { ListenerGroup } from './listener-group.ts';
import type { RouteIndex } from './route-index.ts';
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
    const takers = index.taking(paths, server, false);
    if (takers.length === 0) {
      ledger.change(by, 'left out: what fits no route is refused, with 404, or UNIMPLEMENTED for gRPC');
      continue;
    }
    ledger.refuseAccess(
      by,
      `nobody is refused here: ${paths.join(', ')} would be served by ${routesText(takers)}`,
    );
    for (const route of takers)
      route.remarks.push(`Takes calls that nginx refuses: ${paths.join(', ')} (${placeText(by)})`);
  }
}

/** What could not be carried over, though nginx sends or answers calls there: those go elsewhere if a route takes them. */
export function judgeDisplaced(displaced: readonly Displaced[], index: RouteIndex, ledger: Ledger): void {
  for (const one of displaced) {
    const { by, paths, isGate } = one;
    const takers = takersOf(one, index);
    if (takers.length === 0) continue;
    if (ledger.judgementOf(by) === undefined) settle(by, ledger);
    const take = takingText(takers, paths !== undefined);
    if (isGate) {
      ledger.refuseAccess(by, `those that it answers or sends away would be served: ${take}`);
      continue;
    }
    const what = paths === undefined ? 'its calls' : `calls of ${paths.join(', ')}`;
    ledger.refuseDestination(by, `${what} go elsewhere now: ${take}`);
    if (paths === undefined) continue;
    for (const route of takers)
      route.remarks.push(`Takes calls that nginx does not send here: see ${placeText(by)}`);
  }
}

function takersOf(
  { server, paths, pass, isBeforeLocations }: Displaced,
  index: RouteIndex,
): readonly Route[] {
  const isElsewhere = (route: Route): boolean => !isSameTarget(pass, route);
  if (paths !== undefined) return index.taking(paths, server, isBeforeLocations).filter(isElsewhere);
  // A site may have thousands of routes and of such places: the first and the last one tell whether there are several.
  const any = index.takingAny(server);
  const ends = [any.find(isElsewhere), any.findLast(isElsewhere)];
  return [...new Set(ends)].filter((route) => route !== undefined);
}

/** In one message. The remarks above the routes name the others. */
const MOST_NAMED = 3;

/** @param isKnown whether the paths of the calls are known, and so which routes take some */
function takingText(takers: readonly Route[], isKnown: boolean): string {
  const places = placesOf(takers);
  if (places.length === 1) return `the route of ${places[0]} takes them`;
  // The widest route probably takes most of the calls whose paths are not known.
  if (!isKnown) return `the route that fits the path of each takes it, such as that of ${places.at(-1)}`;
  return `${routesText(takers)} take them`;
}

function routesText(routes: readonly Route[]): string {
  const places = placesOf(routes);
  const others = places.length - MOST_NAMED;
  const shown = places.slice(0, MOST_NAMED).join(', ');
  if (others > 0) return `the routes of ${shown} and ${others} more`;
  return places.length === 1 ? `the route of ${shown}` : `the routes of ${shown}`;
}

/** A location may become several routes, one for each host. */
function placesOf(routes: readonly Route[]): readonly string[] {
  return [...new Set(routes.map((route) => placeText(route.location.directive)))];
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
export function judgeRejected(groups: readonly ListenerGroup[], index: RouteIndex, ledger: Ledger): void {
  for (const group of groups) {
    for (const { server } of group.isTls ? group.members : []) {
      const reject = server.scope.setting('ssl_reject_handshake');
      if (reject?.words[0] !== 'on' || server === group.defaultServer) continue;
      const takers = index
        .takingAny(server)
        .filter(({ listener }) => listener === undefined || listener === group.name);
      if (takers.length === 0) {
        ledger.change(reject, 'left out: no route has the hosts of this server');
        continue;
      }
      ledger.refuseAccess(
        reject,
        `tls.unknownServerName is for names that no certificate has, and this name would be served: ${takingText(takers, false)}`,
      );
      for (const route of takers.slice(-1))
        route.remarks.push(`Takes calls of a server that refuses its name (${placeText(reject)})`);
    }
  }
}
