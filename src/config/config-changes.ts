// What differs between two configurations, for people: names, not values.

import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';

export interface NamedChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export interface ConfigChanges {
  readonly listeners: NamedChanges;
  readonly routes: NamedChanges;
  readonly upstreams: NamedChanges;
  /** Of `workers`, `limits`, `drain`, `reload`, `admin` and `log` those that differ. */
  readonly sections: readonly string[];
}

const SECTIONS = ['workers', 'limits', 'drain', 'reload', 'admin', 'log'] as const;

export function configChanges(before: Config, now: Config): ConfigChanges {
  return {
    listeners: namedChanges(before.listeners, now.listeners),
    routes: namedChanges(before.routes, now.routes),
    upstreams: namedChanges(before.upstreams, now.upstreams),
    sections: SECTIONS.filter(
      (section) => !isDeepStrictEqual(sectionOf(before, section), sectionOf(now, section)),
    ),
  };
}

/** As it is written: some of its keys are resolved apart. */
function sectionOf(config: Config, section: (typeof SECTIONS)[number]): unknown {
  return section === 'limits' ? [config.limits, config.capacity] : config[section];
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
