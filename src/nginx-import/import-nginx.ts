// Translates a configuration of nginx into one of Framegate, with a verdict for each directive. It is pure: files are read before.

import { ImportedAccess } from './access.ts';
import { CallLimits } from './call-limits.ts';
import { ClientAddresses } from './client-addresses.ts';
import { ClientCertificates } from './client-certificates.ts';
import { allDirectives, type Directive, type Place } from './directive.ts';
import { Ledger } from './ledger.ts';
import type { ListenerGroup } from './listener-group.ts';
import { listenerGroupsOf, listenerItem } from './listeners.ts';
import { judgeDisplaced, judgeRefusals, judgeRejected } from './lost-calls.ts';
import type { NginxConfiguration } from './nginx-files.ts';
import { judgeSpellings } from './other-spellings.ts';
import { processSettingsOf } from './process-settings.ts';
import { RouteIndex } from './route-index.ts';
import { RouteNames } from './route-names.ts';
import { routeItem, routesOf } from './routes.ts';
import { Scope } from './scope.ts';
import { type ServedServer, serveServer } from './served-servers.ts';
import { serversOf } from './server-blocks.ts';
import { settleRest } from './settled-directives.ts';
import { UpstreamGroups } from './upstream-groups.ts';
import { renderYaml, type YamlEntry, type YamlItem, YamlList, YamlMap } from './yaml-text.ts';

export interface ImportedConfiguration {
  /** Undefined if nothing is left that could be served. */
  readonly yaml: string | undefined;
  readonly ledger: Ledger;
  /** All directives of the input, in its order. */
  readonly directives: readonly Directive[];
}

export function importNginx({ directives, folder, userFiles }: NginxConfiguration): ImportedConfiguration {
  const ledger = new Ledger();
  const all = [...allDirectives(directives)];
  const http = httpScope(directives);
  const settings = processSettingsOf(directives, http, ledger);
  const upstreams = new UpstreamGroups(http, folder, ledger);
  const servers = serversOf(http, ledger);
  const groups = listenerGroupsOf(servers, ledger);
  const certificates = new ClientCertificates(groups, folder, ledger);
  const addresses = new ClientAddresses(servers.map(({ scope }) => scope));
  const access = new ImportedAccess({ addresses, certificates }, { folder, userFiles }, ledger);
  const limits = new CallLimits(http, addresses, ledger);
  const served = servers.map((server) => serveServer(server, { groups: upstreams, access, limits, ledger }));
  const open = openListeners(
    groups,
    served,
    (group) => listenerItem(group, { folder, certificates, ledger }),
    ledger,
  );
  const openGroups = open.map(({ group }) => group);
  const routes = open.length === 0 ? [] : routesOf(served, openGroups, ledger);
  const index = new RouteIndex(routes, openGroups);
  judgeRefusals(
    served.flatMap(({ refusals }) => refusals),
    index,
    ledger,
  );
  judgeDisplaced(
    served.flatMap(({ displaced }) => displaced),
    index,
    ledger,
  );
  judgeRejected(openGroups, index, ledger);
  judgeSpellings(routes, ledger);
  const upstreamEntries = upstreams.entries(new Set(routes.flatMap(({ branch }) => branch.upstreams)));
  settleRest(all, ledger);
  const names = new RouteNames();
  const yaml =
    // A configuration needs an upstream.
    !routes.some(({ branch }) => branch.upstreams.length > 0)
      ? undefined
      : renderYaml(
          new YamlMap([
            ...settings.first,
            { key: 'listeners', value: new YamlList(open.map(({ item }) => item)) },
            { key: 'routes', value: new YamlList(routes.map((route) => routeItem(route, names.of(route)))) },
            ...identitiesOf(access),
            { key: 'upstreams', value: new YamlMap(upstreamEntries) },
            ...settings.last,
          ]),
        );
  return { yaml, ledger, directives: all };
}

function identitiesOf(access: ImportedAccess): readonly YamlEntry[] {
  const entries = access.identityEntries();
  return entries.length === 0 ? [] : [{ key: 'identities', value: new YamlMap(entries) }];
}

/** What stands in `http`; or at the top of a file that is included in one. */
function httpScope(directives: readonly Directive[]): Scope {
  const main = new Scope(directives);
  const blocks = main.own('http');
  return blocks.length === 0
    ? main
    : new Scope(
        blocks.flatMap(({ block }) => block ?? []),
        main,
        blocks[0],
      );
}

interface OpenListener {
  readonly group: ListenerGroup;
  readonly item: YamlItem;
}

/** A listener without a route would answer every call that there is no route. It is left out. */
function openListeners(
  groups: readonly ListenerGroup[],
  served: readonly ServedServer[],
  itemOf: (group: ListenerGroup) => YamlItem | undefined,
  ledger: Ledger,
): readonly OpenListener[] {
  const withRoutes = new Set(
    served.filter(({ locations }) => locations.length > 0).map(({ server }) => server),
  );
  return groups.flatMap((group) => {
    if (!group.members.some(({ server }) => withRoutes.has(server))) {
      for (const { directive } of group.listens) {
        if (directive.name !== 'listen') continue;
        ledger.change(directive, 'left out: no service is behind this address, so nothing listens there now');
      }
      return [];
    }
    const item = itemOf(group);
    return item === undefined ? [] : [{ group, item }];
  });
}

/** Those that decide who may connect, and were not carried over. */
export function lostAccess({ ledger, directives }: ImportedConfiguration): readonly Place[] {
  return directives.filter((directive) => ledger.judgementOf(directive)?.decidesAccess === true);
}

/** Those whose calls take another route than in nginx. */
export function movedCalls({ ledger, directives }: ImportedConfiguration): readonly Place[] {
  return directives.filter((directive) => ledger.judgementOf(directive)?.sendsElsewhere === true);
}
