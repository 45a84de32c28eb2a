// Keeps the endpoints that sources name, in the control process. The newest information about an upstream wins, whichever source it
// comes from: the endpoints of a configuration apply until a source sends others, and again when a new configuration names different
// ones. Processes that carry calls receive the changes, and a new process receives the whole book.

import type { Change } from '../config/change.ts';
import type { Config } from '../config/config.ts';
import { type EndpointUpdate, type KnownEndpoints, MOST_ENDPOINTS } from '../config/endpoint-update.ts';
import type { EndpointState } from '../config/upstream-config.ts';

/** How long updates are collected. Of several updates of one upstream only the last is published. */
const GATHER_MS = 10;
/** The range of weights and priorities, as in the configuration. */
export const MOST_WEIGHT = 1000;
export const MOST_PRIORITY = 127;

/** The possible results of an update. */
export const ENDPOINT_VERDICTS = [
  'accepted',
  'unchanged',
  'stale',
  'unknown',
  'too_many',
  'invalid',
] as const;
export type EndpointVerdict = (typeof ENDPOINT_VERDICTS)[number];

interface Entry {
  /** Undefined when no source has named endpoints since the configuration did. */
  update: EndpointUpdate | undefined;
  /** Whether the update came after the configuration that is being prepared. */
  isNewer: boolean;
  /** The highest version of each source. There are only a few sources. */
  readonly versions: Map<object, number>;
}

/** The endpoints that a configuration names, as text, by upstream. */
type Named = ReadonlyMap<string, string>;

export class EndpointBook {
  readonly counts: Record<EndpointVerdict, number> = {
    accepted: 0,
    unchanged: 0,
    stale: 0,
    unknown: 0,
    too_many: 0,
    invalid: 0,
  };
  readonly #publish: (update: EndpointUpdate) => void;
  readonly #entries = new Map<string, Entry>();
  #inForce: Named = new Map();
  #coming: Named | undefined = undefined;
  /** The names of upstreams with an update to publish. */
  readonly #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param publish is called with the new endpoints of upstreams in force */
  constructor(publish: (update: EndpointUpdate) => void) {
    this.#publish = publish;
  }

  /**
   * The endpoints that sources have named for the upstreams in force; before the first configuration is, for those of that one.
   * Upstreams not listed use those of the configuration.
   */
  get known(): KnownEndpoints {
    const known = new Map<string, EndpointUpdate>();
    const names = this.#inForce.size > 0 ? this.#inForce : (this.#coming ?? this.#inForce);
    for (const name of names.keys()) {
      const update = this.#entries.get(name)?.update;
      if (update !== undefined) known.set(name, update);
    }
    return known;
  }

  /** @param source the source that counts the versions: each source has its own count */
  update(source: object, update: EndpointUpdate): EndpointVerdict {
    const verdict = this.#judge(source, update);
    this.counts[verdict]++;
    return verdict;
  }

  #judge(source: object, update: EndpointUpdate): EndpointVerdict {
    const { upstream, version, endpoints } = update;
    // A worker ends when it receives a message that is not well-formed.
    if (!Number.isSafeInteger(version) || version < 0 || !endpoints.every(isSendable)) return 'invalid';
    const isInForce = this.#inForce.has(upstream);
    if (!isInForce && this.#coming?.has(upstream) !== true) return 'unknown';
    if (endpoints.length > MOST_ENDPOINTS) return 'too_many';
    const entry = this.#entryOf(upstream);
    if (version <= (entry.versions.get(source) ?? Number.NEGATIVE_INFINITY)) return 'stale';
    entry.versions.set(source, version);
    const before = entry.update;
    entry.update = update;
    entry.isNewer = true;
    if (before !== undefined && isSame(before, update)) return 'unchanged';
    if (isInForce) this.#tell(upstream);
    return 'accepted';
  }

  #entryOf(upstream: string): Entry {
    let entry = this.#entries.get(upstream);
    if (entry === undefined) {
      entry = { update: undefined, isNewer: false, versions: new Map() };
      this.#entries.set(upstream, entry);
    }
    return entry;
  }

  #tell(upstream: string): void {
    this.#pending.add(upstream);
    this.#timer ??= setTimeout(() => this.#tellAll(), GATHER_MS).unref();
  }

  #tellAll(): void {
    this.#timer = undefined;
    const names = [...this.#pending];
    this.#pending.clear();
    for (const name of names) {
      const update = this.#entries.get(name)?.update;
      if (update !== undefined) this.#publish(update);
    }
  }

  /**
   * Until the change is committed or discarded, updates are accepted for the upstreams in force and for those of the new configuration.
   * Must be committed before the plane's change, which reads `known` at its own commit.
   */
  prepare(config: Config): Change {
    const coming = namedBy(config);
    this.#coming = coming;
    for (const entry of this.#entries.values()) entry.isNewer = false;
    return {
      commit: () => {
        this.#dropOutdated(coming);
        this.#coming = undefined;
        this.#inForce = coming;
        this.#forgetOthers();
        // Pending updates are still published, since draining workers get no commit.
      },
      discard: () => {
        this.#coming = undefined;
        this.#forgetOthers();
      },
    };
  }

  /** Drops updates where the new configuration names other endpoints than the old one and no source has named endpoints since. */
  #dropOutdated(coming: Named): void {
    for (const [name, entry] of this.#entries) {
      if (!entry.isNewer && this.#inForce.get(name) !== coming.get(name)) entry.update = undefined;
    }
  }

  #forgetOthers(): void {
    for (const name of this.#entries.keys()) if (!this.#inForce.has(name)) this.#entries.delete(name);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pending.clear();
  }
}

function isSendable({ address, weight, priority }: EndpointState): boolean {
  return (
    (address.kind === 'unix' || isWholeUpTo(65_535, address.port)) &&
    isWholeUpTo(MOST_WEIGHT, weight) &&
    weight > 0 &&
    isWholeUpTo(MOST_PRIORITY, priority)
  );
}

function isWholeUpTo(most: number, value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

function namedBy({ upstreams }: Config): Named {
  return new Map(
    upstreams.map(({ name, endpoints, discovery = {} }) => [
      name,
      [JSON.stringify(discovery), ...endpoints.map(textOf)].join('\n'),
    ]),
  );
}

function isSame(before: EndpointUpdate, now: EndpointUpdate): boolean {
  const [one, other] = [before.endpoints, now.endpoints];
  if (one.length !== other.length || before.whyNone?.sentence !== now.whyNone?.sentence) return false;
  for (let index = 0; index < one.length; index++) {
    if (textOf(one[index]) !== textOf(other[index])) return false;
  }
  return true;
}

/** All that is said of an endpoint, for comparisons. */
function textOf({ address, weight, priority, zone, authority }: EndpointState): string {
  return JSON.stringify([address.text, weight, priority, zone, authority]);
}
