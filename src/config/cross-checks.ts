// Finds what no single key shows: duplicate or unknown names, addresses that are used twice, upstreams that no route uses.
// The checks read the unvalidated document, so they also run when the schema rejects the file.

import { isIPv4 } from 'node:net';
import {
  type Address,
  isLocalAddress,
  type ListenAddress,
  parseAddress,
  parseListenAddress,
} from './address.ts';
import type { ConfigPath } from './config-path.ts';
import { parseHeaderName } from './match-criteria.ts';
import { parseOrigin } from './origin.ts';
import { type Finding, isFault, MOST_PROBLEMS, type Severity } from './problem.ts';
import { firstIndexes, listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { askedUpstreamsOf, upstreamsOf } from './route-upstreams.ts';
import { suggest } from './suggestion.ts';

interface NamedAddress {
  readonly owner: string;
  readonly path: ConfigPath;
  readonly address: ListenAddress;
}

export function crossCheck(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const listeners = listOf(root.get('listeners')).map(mapOf);
  const routes = listOf(root.get('routes')).map(mapOf);
  const listening = listeningAddresses(root, listeners);
  const strayRoutes = unknownUpstreams(root, routes);
  return [
    ...duplicateNames('listeners', listeners, (listener) => textOf(listener.get('address'))),
    ...duplicateNames('routes', routes, () => undefined),
    ...duplicateAddresses(listening),
    ...strayRoutes,
    ...unknownListeners(root, routes),
    ...duplicateHeaders(routes),
    // If a route misspells an upstream's name, or names it under a wrong key, that upstream only appears to be unused.
    ...(strayRoutes.length > 0 || routes.length === 0 || !routes.every(namesUpstream)
      ? []
      : unusedUpstreams(root, routes)),
    ...repeatedEndpoints(root),
    ...repeatedOrigins(routes),
    ...loops(root, listening),
    ...openAdmin(root, listening),
  ];
}

/** @returns the names of all listeners, including the default names of those that have none */
export function listenerNames(root: RawMap): readonly string[] {
  const listeners = listOf(root.get('listeners')).map(mapOf);
  return listeners.flatMap((listener) => textOf(listener.get('name') ?? listener.get('address')) ?? []);
}

function duplicateNames(
  section: string,
  entries: readonly RawMap[],
  defaultName: (entry: RawMap) => string | undefined,
): readonly Finding[] {
  const seen = new Map<string, number>();
  const findings: Finding[] = [];
  for (const [index, entry] of entries.entries()) {
    const given = textOf(entry.get('name'));
    const name = given ?? defaultName(entry);
    if (name === undefined) continue;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    // If two listeners have no names and the same address, duplicateAddresses() reports them.
    else if (given !== undefined) {
      findings.push(error([section, index, 'name'], `'${name}' is the name of ${section}[${first}] already`));
    }
  }
  return findings;
}

function listeningAddresses(root: RawMap, listeners: readonly RawMap[]): readonly NamedAddress[] {
  const admin = root.get('admin');
  const entries = listeners.map((listener, index) => ({
    owner: `listener '${textOf(listener.get('name')) ?? textOf(listener.get('address')) ?? ''}'`,
    path: ['listeners', index, 'address'] as ConfigPath,
    text: textOf(listener.get('address')),
  }));
  if (admin !== 'off') {
    const text = mapOf(admin).get('address') ?? '127.0.0.1:9901';
    entries.push({ owner: 'the admin server', path: ['admin', 'address'], text: textOf(text) });
  }
  return entries.flatMap(({ owner, path, text }) => {
    const address = text === undefined ? undefined : parseListenAddress(text);
    return address === undefined || isFault(address) ? [] : [{ owner, path, address }];
  });
}

function duplicateAddresses(listening: readonly NamedAddress[]): readonly Finding[] {
  const places = new Map<string, Map<string, NamedAddress>>();
  return listening.flatMap((each) => {
    const { path, address } = each;
    const point = meetingPoint(address);
    const earlier = places.get(point) ?? new Map<string, NamedAddress>();
    places.set(point, earlier);
    const other = rivalOf(address, earlier);
    if (!earlier.has(hostOf(address))) earlier.set(hostOf(address), each);
    if (other === undefined) return [];
    const addressOfOther = other.address.text === address.text ? '' : ` (${other.address.text})`;
    return [error(path, `${address.text} is taken by ${other.owner}${addressOfOther} already`)];
  });
}

/** @param earlier those with the same meeting point, by host. They are all looked at only for the first wildcard of its kind. */
function rivalOf(
  address: ListenAddress,
  earlier: ReadonlyMap<string, NamedAddress>,
): NamedAddress | undefined {
  const host = hostOf(address);
  const likely = [earlier.get(host), earlier.get('::'), earlier.get('0.0.0.0')];
  const collides = (rival: NamedAddress | undefined) =>
    rival !== undefined && collide(rival.address, address);
  const found = likely.find(collides);
  if (found !== undefined || (host !== '::' && host !== '0.0.0.0')) return found;
  return [...earlier.values()].find(collides);
}

function hostOf(address: ListenAddress): string {
  return address.kind === 'tcp' ? address.host.toLowerCase() : '';
}

/** What two addresses have in common if they collide. */
function meetingPoint(address: ListenAddress): string {
  if (address.kind === 'tcp') return `tcp:${address.port}`;
  return address.kind === 'unix' ? `unix:${address.path}` : `systemd:${address.socketName}`;
}

/** Whether the operating system would refuse to bind both. [::] also occupies the port on every IPv4 address. */
function collide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.kind === 'systemd') return b.kind === 'systemd' && a.socketName === b.socketName;
  if (a.kind === 'unix') return b.kind === 'unix' && a.path === b.path;
  if (b.kind !== 'tcp') return false;
  if (a.port !== b.port || a.port === 0) return false;
  return a.host.toLowerCase() === b.host.toLowerCase() || covers(a.host, b.host) || covers(b.host, a.host);
}

function covers(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && (isIPv4(host) || host === '::'));
}

function unknownUpstreams(root: RawMap, routes: readonly RawMap[]): readonly Finding[] {
  const upstreams = root.get('upstreams');
  // If `upstreams` is missing or not a map, the schema reports that.
  if (typeof upstreams !== 'object' || upstreams === null || Array.isArray(upstreams)) return [];
  const names = new Set(mapOf(upstreams).keys());
  const hints = new NameHints(names);
  return routes.flatMap((route, index) =>
    [...upstreamsOf(route), ...askedUpstreamsOf(route)].flatMap(({ name, path }) => {
      if (names.has(name)) return [];
      const hint = /[:/]/.test(name)
        ? 'write the name of one, and the address at upstreams.NAME.endpoints'
        : hints.of(name);
      return [error(['routes', index, ...path], `there is no upstream '${name}'`, hint)];
    }),
  );
}

function unknownListeners(root: RawMap, routes: readonly RawMap[]): readonly Finding[] {
  if (!root.has('listeners')) return [];
  const names = new Set(listenerNames(root));
  const hints = new NameHints(names);
  return routes.flatMap((route, index) => {
    const name = textOf(mapOf(route.get('match')).get('listener'));
    if (name === undefined || name === '' || names.has(name)) return [];
    const hint = isFault(parseListenAddress(name)) ? hints.of(name) : hints.ofAddress();
    return [error(['routes', index, 'match', 'listener'], `there is no listener '${name}'`, hint)];
  });
}

/** The maps of a route whose keys are names of header fields. */
const HEADER_MAPS: readonly ConfigPath[] = [
  ['match', 'headers'],
  ['respond', 'headers'],
  ...['request', 'response', 'trailers'].flatMap((section) => [
    ['headers', section, 'set'],
    ['headers', section, 'add'],
  ]),
];

function duplicateHeaders(routes: readonly RawMap[]): readonly Finding[] {
  return routes.flatMap((route, index) =>
    HEADER_MAPS.flatMap((place) => {
      let map = route;
      for (const step of place) map = mapOf(map.get(String(step)));
      return repeatedNames(map, ['routes', index, ...place]);
    }),
  );
}

function repeatedNames(map: RawMap, path: ConfigPath): readonly Finding[] {
  const seen = new Set<string>();
  return [...map.keys()].flatMap((written) => {
    const name = parseHeaderName(written);
    if (isFault(name) || !seen.has(name)) {
      if (!isFault(name)) seen.add(name);
      return [];
    }
    return [{ ...error([...path, written], `header '${name}' stands twice`), at: 'key' } as const];
  });
}

function namesUpstream(route: RawMap): boolean {
  return upstreamsOf(route).length > 0;
}

function unusedUpstreams(root: RawMap, routes: readonly RawMap[]): readonly Finding[] {
  const named = routes.flatMap((route) => [...upstreamsOf(route), ...askedUpstreamsOf(route)]);
  const used = new Set(named.map(({ name }) => name));
  return [...mapOf(root.get('upstreams')).keys()]
    .filter((name) => !used.has(name))
    .map(
      (name) => ({ ...warning(['upstreams', name], 'no route leads to this upstream'), at: 'key' }) as const,
    );
}

/** Warns of an endpoint that is listed twice: its author probably expects it to get twice as many calls. */
function repeatedEndpoints(root: RawMap): readonly Finding[] {
  return [...mapOf(root.get('upstreams'))].flatMap(([name, upstream]) => {
    const texts = listOf(mapOf(upstream).get('endpoints')).map(addressOf);
    const firsts = firstIndexes(texts);
    return texts.flatMap((text, index) => {
      const first = firsts.get(text);
      if (text === undefined || first === index) return [];
      const path: ConfigPath = ['upstreams', name, 'endpoints', index];
      return [
        warning(
          path,
          `${text} is endpoints[${first}] already, and counts once: write weight: 2 for twice as many calls`,
        ),
      ];
    });
  });
}

/** The address of an endpoint, which is written as a text or as a map. */
function addressOf(endpoint: unknown): string | undefined {
  return textOf(endpoint) ?? textOf(mapOf(endpoint).get('address'));
}

/** Warns of an origin that is listed twice, however it is written: its author probably meant another one. */
function repeatedOrigins(routes: readonly RawMap[]): readonly Finding[] {
  return routes.flatMap((route, index) => {
    const origins = listOf(mapOf(route.get('grpcWeb')).get('origins')).map((each) => {
      const origin = parseOrigin(textOf(each) ?? '');
      return isFault(origin) ? undefined : origin;
    });
    const firsts = firstIndexes(origins);
    return origins.flatMap((origin, at) => {
      const first = firsts.get(origin);
      if (origin === undefined || first === at) return [];
      return [warning(['routes', index, 'grpcWeb', 'origins', at], `${origin} is origins[${first}] already`)];
    });
  });
}

/** Warns of an endpoint that is a listener of this same proxy, because calls would loop forever. */
function loops(root: RawMap, listening: readonly NamedAddress[]): readonly Finding[] {
  const places = Map.groupBy(listening, ({ address }) => meetingPoint(address));
  return [...mapOf(root.get('upstreams'))].flatMap(([name, upstream]) =>
    listOf(mapOf(upstream).get('endpoints')).flatMap((endpoint, index) => {
      const text = addressOf(endpoint);
      const address = text === undefined ? undefined : parseAddress(text, 'connect');
      if (address === undefined || isFault(address)) return [];
      const own = places.get(meetingPoint(address))?.find((each) => leadsTo(address, each.address));
      if (own === undefined) return [];
      const message = `${address.text} leads back to ${own.owner} of this proxy`;
      return [warning(['upstreams', name, 'endpoints', index], message)];
    }),
  );
}

/** Refuses an admin server that other machines can reach without a token: its clients can read the configuration, and stop the proxy. */
function openAdmin(root: RawMap, listening: readonly NamedAddress[]): readonly Finding[] {
  if (mapOf(root.get('admin')).has('token')) return [];
  return listening.flatMap(({ path, address }) => {
    if (path[0] !== 'admin' || address.kind !== 'tcp' || isLocalAddress(address)) return [];
    const message =
      'needs a token beside it: other machines can reach this address, read the configuration and stop the proxy';
    const hint = `write token: { file: FILE } (openssl rand -hex 32 makes a token), or address: 127.0.0.1:${address.port}`;
    return [error(path, message, hint)];
  });
}

/** Whether an endpoint leads to this listener. For a wildcard listener that is certain only if the endpoint is on this machine. */
function leadsTo(endpoint: Address, listening: ListenAddress): boolean {
  if (endpoint.kind !== 'tcp' || listening.kind !== 'tcp') return collide(endpoint, listening);
  const host = endpoint.host === 'localhost' ? '127.0.0.1' : endpoint.host;
  const isHere = /^(127\..*|::1)$/.test(host) || host === listening.host;
  return isHere && collide({ ...endpoint, host }, listening);
}

/** The most names that one hint lists. */
const MOST_NAMES = 20;

/** What was probably meant by names that do not exist. Only the problems that are shown get hints, as each costs a look at all names. */
class NameHints {
  readonly #names: ReadonlySet<string>;
  #given = 0;

  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  of(name: string): string | undefined {
    if (++this.#given > MOST_PROBLEMS) return undefined;
    const meant = suggest(name, this.#names);
    return meant === undefined ? this.#defined() : `did you mean '${meant}'?`;
  }

  /** For an address in place of a listener's name: the nearest other address may be that of another service, so no single one is proposed. */
  ofAddress(): string | undefined {
    if (++this.#given > MOST_PROBLEMS) return undefined;
    return `a listener without a name is called by its address: if you have changed that, give the listener a name and write it here; ${this.#defined()}`;
  }

  #defined(): string {
    const defined = [...this.#names].filter((each) => each !== '');
    if (defined.length === 0) return 'none is defined';
    const further = defined.length - MOST_NAMES;
    return `defined: ${defined.slice(0, MOST_NAMES).join(', ')}${further > 0 ? ` and ${further} more` : ''}`;
  }
}

function error(path: ConfigPath, message: string, hint?: string): Finding {
  return finding('error', path, message, hint);
}

function warning(path: ConfigPath, message: string): Finding {
  return finding('warning', path, message, undefined);
}

function finding(severity: Severity, path: ConfigPath, message: string, hint: string | undefined): Finding {
  return { severity, path, at: 'value', message, hint };
}
