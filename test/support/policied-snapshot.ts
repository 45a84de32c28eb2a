// A snapshot whose routes have the policies of a test, without services behind it.

import type { Policy } from '../../src/calls/policy.ts';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CallKind } from '../../src/relay/call-kind.ts';
import type { DownstreamPeer } from '../../src/relay/downstream-peer.ts';
import { RequestHead } from '../../src/relay/request-head.ts';
import type { CallTarget, Snapshot } from '../../src/relay/snapshot.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { LIMITS } from './local-settings.ts';
import { plansWithoutParts } from './plans-without-parts.ts';
import { routeConfig } from './route-config.ts';
import { standIn } from './stand-in.ts';

export const PEER: DownstreamPeer = {
  listener: 'public',
  port: 8443,
  client: '192.0.2.1:5000',
  clientAddress: '192.0.2.1',
  tls: 'TLSv1.3',
  trusted: false,
};

const VOICE = standIn<CallTarget>({ name: 'voice', protocol: 'h2c' });
const WEB = standIn<CallTarget>({ name: 'web', protocol: 'http1' });

export function routeOf(
  path: string,
  upstream = 'voice',
  headers: Readonly<Record<string, string>> = {},
): RouteConfig {
  const match = { path, headers: new Map(Object.entries(headers)) };
  return routeConfig({ name: `route of ${path}`, match, upstream });
}

/** A route to a gRPC service, and one to an HTTP/1.1 service for paths below /web/. */
const ROUTES: readonly RouteConfig[] = [routeOf('/*'), routeOf('/web/*', 'web')];

/** @param faults receives the errors that policies throw */
export function policiedSnapshot(
  policies: readonly Policy[],
  faults: unknown[] = [],
  routes: readonly RouteConfig[] = ROUTES,
): Snapshot {
  const kinds = policies.map((policy) => () => policy);
  return {
    epoch: 1,
    routes: compileRoutes(routes),
    plans: plansWithoutParts(routes, (error) => void faults.push(error), kinds),
    upstreams: new Map([VOICE, WEB].map((upstream) => [upstream.name, upstream])),
    limits: { ...LIMITS, headerFields: 99 },
  };
}

export type Field = readonly [name: string, value: string];

/** @returns the header list of a gRPC call, with `fields` after the usual ones */
export function grpcList(...fields: readonly Field[]): HeaderList {
  return HeaderList.of(
    [':method', 'POST'],
    [':scheme', 'https'],
    [':authority', 'example.test'],
    [':path', '/a.B/C'],
    ['content-type', 'application/grpc'],
    ...fields,
  );
}

export function headFor(list: HeaderList, snapshot: Snapshot): RequestHead {
  return new RequestHead(list, new CallKind(list, PEER, snapshot));
}
