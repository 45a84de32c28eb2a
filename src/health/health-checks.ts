// The checks of all endpoints of a proxy. They run in the control process: there is one for each endpoint and machine, however many
// processes carry calls. What they find is published as updates, which those processes get.

import type { Config } from '../config/config.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import type { EndpointState } from '../config/upstream-config.ts';
import { CHECK_RESULTS, type CheckEvents, type CheckResult, EndpointCheck } from './endpoint-check.ts';
import { type CheckedUpstream, ProbeMaker } from './make-probe.ts';
import type { ProbeEvents } from './probe.ts';

/** How long changes of one upstream are collected, for a machine with many endpoints that goes away. */
const GATHER_MS = 5;

export interface HealthEvents {
  readonly publish: (update: HealthUpdate) => void;
  /** An endpoint became unhealthy or healthy again. */
  readonly onFlip: (upstream: string, check: EndpointCheck) => void;
  /** It is known how an endpoint is asked, or it is asked in another way now. */
  readonly onMethod: (upstream: string, check: EndpointCheck) => void;
  readonly onFault: (error: unknown) => void;
}

interface Checked {
  readonly upstream: CheckedUpstream;
  /** All that the checks depend on. With an equal origin they stay as they are. */
  readonly origin: string;
  readonly probes: ProbeMaker;
  /** By the address as configured. */
  readonly checks: Map<string, EndpointCheck>;
}

export class HealthChecks {
  readonly #events: HealthEvents;
  readonly #checked = new Map<string, Checked>();
  readonly #results = new Map<string, Record<CheckResult, number>>();
  readonly #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(events: HealthEvents) {
    this.#events = events;
  }

  /** Follows a configuration. Endpoints that stay keep what is known of them. */
  use({ upstreams, limits }: Config, known: KnownEndpoints): void {
    const before = new Map(this.#checked);
    this.#checked.clear();
    for (const { name, protocol, tls, health, endpoints } of upstreams) {
      if (health === undefined) continue;
      const upstream = { name, protocol, tls, health };
      const origin = JSON.stringify([upstream, limits.floods]);
      const old = before.get(name);
      const isSame = old?.origin === origin;
      const checked = isSame
        ? old
        : {
            upstream,
            origin,
            probes: new ProbeMaker(upstream, limits.floods),
            checks: new Map<string, never>(),
          };
      if (isSame) before.delete(name);
      this.#checked.set(name, checked);
      this.#follow(checked, known.get(name)?.endpoints ?? endpoints, old?.checks);
    }
    for (const [name, { checks }] of before) {
      for (const check of checks.values()) check.close();
      this.#publishSoon(name);
    }
  }

  /** The endpoints of an upstream have changed. */
  endpointsChanged(name: string, endpoints: readonly EndpointState[]): void {
    const checked = this.#checked.get(name);
    if (checked !== undefined) this.#follow(checked, endpoints, checked.checks);
  }

  #follow(
    checked: Checked,
    endpoints: readonly EndpointState[],
    before: Checked['checks'] = new Map(),
  ): void {
    const { name, health } = checked.upstream;
    const { checks } = checked;
    const named = new Set(endpoints.map(({ address }) => address.text));
    let isChanged = before !== checks;
    for (const [endpoint, check] of checks) {
      if (named.has(endpoint)) continue;
      check.close();
      checks.delete(endpoint);
      isChanged = true;
    }
    for (const { address } of endpoints) {
      const { text } = address;
      if (checks.has(text) || health === undefined) continue;
      const makeProbe = (events: ProbeEvents) => checked.probes.make(address, events);
      const events = this.#eventsOf(name);
      const state = before.get(text)?.state;
      checks.set(
        text,
        new EndpointCheck({ endpoint: text, config: health, makeProbe, before: state, events }),
      );
    }
    if (isChanged) this.#publishSoon(name);
  }

  #eventsOf(name: string): CheckEvents {
    return {
      onChanged: (check, isFlip) => {
        this.#publishSoon(name);
        if (isFlip) this.#events.onFlip(name, check);
      },
      onResult: (result) => {
        this.#resultsOf(name)[result]++;
      },
      onMethod: (check) => this.#events.onMethod(name, check),
      onFault: (error) => this.#events.onFault(error),
    };
  }

  #resultsOf(name: string): Record<CheckResult, number> {
    let results = this.#results.get(name);
    if (results === undefined) {
      results = { passed: 0, failed: 0, timed_out: 0 };
      this.#results.set(name, results);
    }
    return results;
  }

  /** How many checks had each result, by upstream. */
  get results(): readonly {
    readonly upstream: string;
    readonly result: CheckResult;
    readonly count: number;
  }[] {
    return [...this.#results].flatMap(([upstream, results]) =>
      CHECK_RESULTS.map((result) => ({ upstream, result, count: results[result] })),
    );
  }

  /** The checks of an upstream by the address of the endpoint. */
  checksOf(name: string): ReadonlyMap<string, EndpointCheck> | undefined {
    return this.#checked.get(name)?.checks;
  }

  /** The TLS files of an upstream have changed. */
  renewTls(name: string): void {
    this.#checked.get(name)?.probes.renewTls();
  }

  #publishSoon(name: string): void {
    this.#pending.add(name);
    this.#timer ??= setTimeout(() => this.#publishAll(), GATHER_MS).unref();
  }

  #publishAll(): void {
    this.#timer = undefined;
    const names = [...this.#pending];
    this.#pending.clear();
    for (const upstream of names) this.#events.publish({ upstream, endpoints: this.#healthOf(upstream) });
  }

  #healthOf(name: string): HealthUpdate['endpoints'] {
    const checks = this.#checked.get(name)?.checks.values() ?? [];
    return [...checks]
      .map(({ endpoint, state: { reason, recoveries } }) => ({ address: endpoint, reason, recoveries }))
      .filter(({ reason, recoveries }) => reason !== undefined || recoveries > 0);
  }

  /** May be called twice. */
  close(): void {
    clearTimeout(this.#timer);
    for (const { checks } of this.#checked.values()) for (const check of checks.values()) check.close();
    this.#checked.clear();
  }
}
