// What differs between two configurations, for people: names, not values.

import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import type { EndpointState } from './upstream-config.ts';

export interface NamedChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export interface ConfigChanges {
  readonly listeners: NamedChanges;
  readonly routes: NamedChanges;
  readonly upstreams: NamedChanges;
  /** Of upstreams whose endpoints the configuration lists, before and now. Left out if none differ. */
  readonly endpoints?: readonly EndpointChanges[];
  /** Of `workers`, `limits`, `drain`, `reload`, `admin`, `log`, `trace` and `stores` those that differ. */
  readonly sections: readonly string[];
}

/** Addresses, the first of them. */
export interface EndpointChanges {
  readonly upstream: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** How many addresses more there are that are not named, added and removed. Left out if there are none. */
  readonly more?: number;
}

const MOST_ENDPOINTS = 5;
const MOST_UPSTREAMS = 20;

const SECTIONS = [
  'workers',
  'limits',
  'drain',
  'reload',
  'admin',
  'metrics',
  'log',
  'trace',
  'stores',
] as const;

export function configChanges(before: Config, now: Config): ConfigChanges {
  const endpoints = endpointChanges(before, now);
  return {
    listeners: namedChanges(before.listeners, now.listeners),
    routes: namedChanges(before.routes, now.routes),
    upstreams: namedChanges(before.upstreams, now.upstreams),
    ...(endpoints.length > 0 && { endpoints }),
    sections: SECTIONS.filter(
      (section) => !isDeepStrictEqual(sectionOf(before, section), sectionOf(now, section)),
    ),
  };
}

/** As it is written: some of its keys are resolved apart. */
function sectionOf(config: Config, section: (typeof SECTIONS)[number]): unknown {
  return section === 'limits' ? [config.limits, config.capacity] : config[section];
}

function endpointChanges(before: Config, now: Config): readonly EndpointChanges[] {
  const old = new Map(before.upstreams.map((upstream) => [upstream.name, upstream]));
  return now.upstreams
    .flatMap(({ name, endpoints }) => {
      const earlier = old.get(name)?.endpoints;
      if (earlier === undefined || isDeepStrictEqual(earlier, endpoints)) return [];
      const added = addressesWithout(endpoints, earlier);
      const removed = addressesWithout(earlier, endpoints);
      if (added.length + removed.length === 0) return [];
      const more = Math.max(0, added.length - MOST_ENDPOINTS) + Math.max(0, removed.length - MOST_ENDPOINTS);
      return [
        {
          upstream: name,
          added: added.slice(0, MOST_ENDPOINTS),
          removed: removed.slice(0, MOST_ENDPOINTS),
          ...(more > 0 && { more }),
        },
      ];
    })
    .slice(0, MOST_UPSTREAMS);
}

function addressesWithout(
  endpoints: readonly EndpointState[],
  others: readonly EndpointState[],
): readonly string[] {
  const known = new Set(others.map(({ address }) => address.text));
  return endpoints.map(({ address }) => address.text).filter((text) => !known.has(text));
}

interface Named {
  readonly name: string;
}

function namedChanges(before: readonly Named[], now: readonly Named[]): NamedChanges {
  const old = new Map(before.map((entry) => [entry.name, entry]));
  const names = new Set(now.map(({ name }) => name));
  return {
    added: now.filter(({ name }) => !old.has(name)).map(({ name }) => name),
    changed: now
      .filter((entry) => old.has(entry.name) && !isDeepStrictEqual(old.get(entry.name), entry))
      .map(({ name }) => name),
    removed: before.filter(({ name }) => !names.has(name)).map(({ name }) => name),
  };
}
