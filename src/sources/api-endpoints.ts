// The endpoints that the admin API has set for upstreams with `endpoints: api`. They are withdrawn when their time to live is over, and
// stay over reloads as long as the upstream takes them from here. They are not kept over a restart.

import type { NamedEndpoints } from '../config/endpoint-update.ts';
import type { EndpointState } from '../config/upstream-config.ts';
import type { Logger } from '../observability/logger.ts';
import { endpointDifference } from './endpoint-difference.ts';

const TOKEN = 'upstream_endpoints_not_set';

interface Entry {
  readonly endpoints: readonly EndpointState[];
  readonly setAtMs: number;
  /** Undefined means for ever. */
  readonly ttlMs: number | undefined;
  readonly timer: NodeJS.Timeout | undefined;
}

export interface SetReport {
  readonly endpoints: readonly EndpointState[];
  readonly ageMs: number;
  /** Undefined means for ever. */
  readonly expiresInMs: number | undefined;
}

export class ApiEndpoints {
  readonly #logger: Logger;
  readonly #tell: (upstream: string) => void;
  /** Each upstream that takes its endpoints from here, and what was set for it. */
  readonly #entries = new Map<string, Entry | undefined>();
  /** Upstreams whose endpoints were taken back, and how. */
  readonly #withdrawn = new Map<string, string>();

  /** @param tell is called when there is something new to say of an upstream */
  constructor(logger: Logger, tell: (upstream: string) => void) {
    this.#logger = logger;
    this.#tell = tell;
  }

  /** Whether the upstream in force takes its endpoints from here. */
  takes(upstream: string): boolean {
    return this.#entries.has(upstream);
  }

  /** From now on, these upstreams take their endpoints from here, and no other does. */
  use(upstreams: ReadonlySet<string>): void {
    for (const [upstream, entry] of this.#entries) {
      if (upstreams.has(upstream)) continue;
      clearTimeout(entry?.timer);
      this.#entries.delete(upstream);
      this.#withdrawn.delete(upstream);
    }
    for (const upstream of upstreams)
      if (!this.#entries.has(upstream)) this.#entries.set(upstream, undefined);
  }

  /** Replaces what was set for an upstream that takes its endpoints from here. @param ttlMs undefined means for ever */
  set(upstream: string, endpoints: readonly EndpointState[], ttlMs: number | undefined): void {
    const before = this.#entries.get(upstream);
    clearTimeout(before?.timer);
    const timer = ttlMs === undefined ? undefined : setTimeout(() => this.#expire(upstream), ttlMs).unref();
    this.#entries.set(upstream, { endpoints, setAtMs: performance.now(), ttlMs, timer });
    this.#withdrawn.delete(upstream);
    const fields = { upstream, endpoints: endpoints.length, ttlMs };
    const { isNone, added, removed } = endpointDifference(before?.endpoints ?? [], endpoints);
    // Services repeat themselves before their time is over, and that is no news.
    if (before !== undefined && isNone)
      this.#logger.debug(fields, 'the admin API has set the endpoints of an upstream again');
    else
      this.#logger.info({ ...fields, added, removed }, 'the admin API has set the endpoints of an upstream');
    this.#tell(upstream);
  }

  /** @returns whether there was anything to withdraw */
  withdraw(upstream: string): boolean {
    const before = this.#entries.get(upstream);
    if (before === undefined) return false;
    clearTimeout(before.timer);
    this.#entries.set(upstream, undefined);
    this.#withdrawn.set(upstream, `those set for it were withdrawn at ${new Date().toISOString()}`);
    const fields = { upstream, endpoints: before.endpoints.length };
    this.#logger.info(fields, 'the admin API has withdrawn the endpoints of an upstream');
    this.#tell(upstream);
    return true;
  }

  #expire(upstream: string): void {
    const before = this.#entries.get(upstream);
    if (before === undefined) return;
    this.#entries.set(upstream, undefined);
    this.#withdrawn.set(upstream, 'the time to live of those set for it is over');
    this.#logger.warn(
      { upstream, endpoints: before.endpoints.length, ttlMs: before.ttlMs },
      'the endpoints that the admin API has set for an upstream are withdrawn, as their time to live is over',
    );
    this.#tell(upstream);
  }

  named(upstream: string): NamedEndpoints {
    const entry = this.#entries.get(upstream);
    if (entry !== undefined && entry.endpoints.length > 0)
      return { endpoints: entry.endpoints, whyNone: undefined };
    return { endpoints: [], whyNone: { token: TOKEN, sentence: this.#describeMissing(upstream, entry) } };
  }

  #describeMissing(upstream: string, entry: Entry | undefined): string {
    if (entry !== undefined) return `Upstream ${upstream} has no endpoint: the list set for it is empty.`;
    return `Upstream ${upstream} has no endpoint: ${this.#withdrawn.get(upstream) ?? 'none has been set for it yet'}.`;
  }

  /** What is set for an upstream. Undefined if nothing is. */
  report(upstream: string): SetReport | undefined {
    const entry = this.#entries.get(upstream);
    if (entry === undefined) return undefined;
    const { endpoints, setAtMs, ttlMs } = entry;
    const ageMs = performance.now() - setAtMs;
    return { endpoints, ageMs, expiresInMs: ttlMs === undefined ? undefined : Math.max(0, ttlMs - ageMs) };
  }

  close(): void {
    for (const entry of this.#entries.values()) clearTimeout(entry?.timer);
  }
}
