// What sources say of endpoints, kept in the control process: the newest word of each source on each upstream. Processes that carry calls
// are told of what differs; a new one begins with all of it. The endpoints that a configuration names hold until a source speaks of
// their upstream, and again when another configuration names others: the newest word counts, whoever says it.

import type { Change } from '../config/change.ts';
import type { Config } from '../config/config.ts';
import type { EndpointState, EndpointUpdate, KnownEndpoints } from '../config/endpoint-update.ts';

/** For so long updates of one upstream are gathered, of which only the last is told. */
const GATHER_MS = 10;
/** Of one upstream: who names more has lost count, or is not to be trusted. */
export const MOST_ENDPOINTS = 4096;

/** What has become of an update. */
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
  /** Undefined: no source has spoken of it since the configuration did. */
  update: EndpointUpdate | undefined;
  /** Was said after the configuration that is being prepared had been read. */
  isNewer: boolean;
  /** The highest of each source; there are a few of them. */
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
  /** Names of upstreams of which something is to be told. */
  readonly #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param publish told of what the upstreams in force have now */
  constructor(publish: (update: EndpointUpdate) => void) {
    this.#publish = publish;
  }

  /** Of the upstreams in force. What is not here has the endpoints of the configuration. */
  get known(): KnownEndpoints {
    const known = new Map<string, EndpointUpdate>();
    for (const name of this.#inForce.keys()) {
      const update = this.#entries.get(name)?.update;
      if (update !== undefined) known.set(name, update);
    }
    return known;
  }

  /** @param source whose versions these are */
  update(source: object, update: EndpointUpdate): EndpointVerdict {
    const verdict = this.#judge(source, update);
    this.counts[verdict]++;
    return verdict;
  }

  #judge(source: object, update: EndpointUpdate): EndpointVerdict {
    const { upstream, version, endpoints } = update;
    // What a message to a worker cannot carry would end the worker.
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
    if (before !== undefined && hasSameEndpoints(before, update)) return 'unchanged';
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
   * Until it is committed or discarded, updates hold for the upstreams in force and for those of the configuration that comes. To be
   * committed before the plane's change, which asks for what is known then.
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
        // What is pending is told all the same: workers that drain get no commit.
      },
      discard: () => {
        this.#coming = undefined;
        this.#forgetOthers();
      },
    };
  }

  /** Where the configuration names other endpoints than before, and no source has spoken since. */
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

function isSendable({ address }: EndpointState): boolean {
  return (
    address.kind === 'unix' || (Number.isInteger(address.port) && address.port >= 0 && address.port <= 65_535)
  );
}

function namedBy({ upstreams }: Config): Named {
  return new Map(
    upstreams.map(({ name, endpoints }) => [name, endpoints.map(({ text }) => text).join('\n')]),
  );
}

function hasSameEndpoints({ endpoints: one }: EndpointUpdate, { endpoints: other }: EndpointUpdate): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    if (one[index].address.text !== other[index].address.text) return false;
  }
  return true;
}
