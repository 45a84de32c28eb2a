// The ways by which a stream is held: directly, through the proxy, and by the target. Which service is called directly, and which path
// clients call, follow from the route that the proxy takes for the method.

import type { Config, ListenerConfig } from '../config/config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import { isSecretName } from '../config/secret-name.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import type { Credentials } from './credentials.ts';
import { wantsCertificate, withoutCertificate } from './expected-refusal.ts';
import type { CallWay } from './grpc-call.ts';
import { listenerWish, type ProxySlot, reach, serverNameOf } from './listener-way.ts';
import { routeTaken } from './route-probe.ts';
import { type TargetWay, whyNotSent } from './target-way.ts';
import { directWay, type UpstreamPlan } from './upstream-checks.ts';

export type Hop = 'service' | 'proxy' | 'target';

export interface Way {
  readonly hop: Hop;
  /** 'directly', 'through the proxy', 'by TARGET' */
  readonly name: string;
  readonly way: CallWay;
  /** As this hop is called. */
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** A hop that was asked for, and by which no stream can be opened. */
export interface ClosedWay {
  readonly name: string;
  readonly why: string;
}

export interface Ways {
  /** Directly first. */
  readonly open: readonly Way[];
  readonly closed: readonly ClosedWay[];
  readonly hasRoute: boolean;
}

export interface WayParts {
  readonly config: Config | undefined;
  readonly upstreams: UpstreamPlan | undefined;
  readonly slot: ProxySlot;
  readonly credentials: Credentials;
  readonly target: TargetWay | undefined;
  readonly targetText: string;
}

/** How clients reach a method through the proxy. */
interface MethodRoute {
  readonly upstream: UpstreamConfig;
  readonly listener: ListenerConfig;
  readonly path: string;
  /** The host of the route, if it has one. */
  readonly authority: string | undefined;
  readonly headers: ReadonlyMap<string, string>;
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map();

/** @param method as /package.Service/Method */
export function waysTo(method: string, parts: WayParts): Ways {
  const { config, target, targetText } = parts;
  const open: Way[] = [];
  const closed: ClosedWay[] = [];
  const add = (way: Way | ClosedWay | undefined): void => {
    if (way === undefined) return;
    if ('why' in way) closed.push(way);
    else open.push(way);
  };
  const route = config === undefined ? undefined : routeOf(method, config, parts);
  add(wayToService(method, route?.upstream, parts));
  if (config !== undefined) add(wayThroughProxy(method, route, parts));
  if (target !== undefined) {
    const name = `by ${targetText}`;
    const withheld = whyNotSent(route?.headers.keys() ?? [], parts.credentials, target.way);
    const path = route?.path ?? method;
    if (target.way === undefined)
      add({ name, why: 'how it can be called is not known, as the check of its protocol failed' });
    else if (withheld !== undefined) add({ name, why: withheld });
    else {
      const authority = route?.authority ?? target.way.authority;
      add({ hop: 'target', name, way: { ...target.way, authority }, path, headers: NO_HEADERS });
    }
  }
  return { open, closed, hasRoute: route !== undefined };
}

/** @param routed the upstream of the method's route. Without one the first upstream that speaks HTTP/2 is called */
function wayToService(
  path: string,
  routed: UpstreamConfig | undefined,
  { config, upstreams, credentials }: WayParts,
): Way | ClosedWay | undefined {
  const isKnown = ({ name, protocol }: UpstreamConfig): boolean =>
    protocol !== 'http1' && upstreams?.endpoints.has(name) === true;
  const upstream = routed ?? config?.upstreams.find(isKnown);
  const endpoint = upstreams?.endpoints.get(upstream?.name ?? '');
  if (upstream === undefined || endpoint === undefined) return undefined;
  const way = { ...directWay(upstream, endpoint.address), credentials: credentials.headers };
  return { hop: 'service', name: 'directly', way, path, headers: NO_HEADERS };
}

function wayThroughProxy(
  method: string,
  route: MethodRoute | undefined,
  { slot, credentials }: WayParts,
): Way | ClosedWay {
  const name = 'through the proxy';
  if (route === undefined) return { name, why: `no route for gRPC leads to ${method}` };
  if (slot.proxy === undefined)
    return { name, why: 'no proxy runs with this configuration, and none could be started' };
  const { listener, path, headers, authority = serverNameOf(listener) ?? 'localhost' } = route;
  const address = reach(listener, slot);
  if (typeof address === 'string') return { name, why: address };
  if (wantsCertificate(listener, credentials)) return { name, why: withoutCertificate(listener).text };
  // Whoever holds the port gets what is sent there, and only --header is kept from a peer that is not verified.
  const secret = [...headers.keys()].find((field) => isSecretName(field) && !credentials.headers.has(field));
  if (secret !== undefined)
    return { name, why: `the route wants ${secret}, whose value may be a secret and is not sent` };
  const tls = listenerWish(listener, authority, ['h2'], credentials);
  return {
    hop: 'proxy',
    name,
    way: { address, tls, authority, credentials: credentials.headers },
    path,
    headers,
  };
}

/** @returns the first route that a call of the method takes; those without header fields, and listeners that can be called, go first */
function routeOf(method: string, config: Config, { upstreams, slot }: WayParts): MethodRoute | undefined {
  const listeners = config.listeners.toSorted(
    (one, other) =>
      Number(typeof reach(one, slot) === 'string') - Number(typeof reach(other, slot) === 'string'),
  );
  const routes = config.routes.toSorted((one, other) => one.match.headers.size - other.match.headers.size);
  for (const listener of listeners) {
    for (const route of routes) {
      const { match, stripPrefix = '' } = route;
      if (match.listener !== undefined && match.listener !== listener.name) continue;
      const authority = match.host?.replace(/^\*/, 'doctor');
      const request = { path: `${stripPrefix}${method}`, authority, headers: match.headers };
      const upstream = upstreamOf(routeTaken(config.routes, listener.name, request), config);
      if (upstream === undefined || upstreams?.endpoints.has(upstream.name) !== true) continue;
      return { ...request, upstream, listener };
    }
  }
  return undefined;
}

function upstreamOf(route: RouteConfig | undefined, { upstreams }: Config): UpstreamConfig | undefined {
  const name = route?.upstream ?? route?.split?.[0]?.upstream;
  return upstreams.find((upstream) => upstream.name === name && upstream.protocol !== 'http1');
}
