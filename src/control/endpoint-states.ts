// What the processes that carry calls, and the health checks, know of the endpoints, for the admin API: whether each of them gets calls,
// and the sentence that says why not.

import type { EndpointState } from '../config/config.ts';
import type { Plane, UpstreamsReport } from '../plane/plane.ts';
import { type EndpointReport, MOST_ENDPOINTS, type NotUsed } from '../plane/upstream-report.ts';
import type { HealthReport, HealthWatch } from './health-watch.ts';

export class EndpointStates {
  readonly #plane: Pick<Plane, 'upstreams'>;
  readonly #health: Pick<HealthWatch, 'reportOf'>;

  constructor(plane: Pick<Plane, 'upstreams'>, health: Pick<HealthWatch, 'reportOf'>) {
    this.#plane = plane;
    this.#health = health;
  }

  async ask(): Promise<KnownStates> {
    return new KnownStates(await this.#plane.upstreams(), this.#health);
  }
}

/** The states at one moment. */
export class KnownStates {
  readonly #report: UpstreamsReport;
  readonly #health: Pick<HealthWatch, 'reportOf'>;

  constructor(report: UpstreamsReport, health: Pick<HealthWatch, 'reportOf'>) {
    this.#report = report;
    this.#health = health;
  }

  /** The workers whose part is missing. */
  get omission(): Pick<UpstreamsReport, 'unanswered'> {
    const { unanswered } = this.#report;
    return unanswered === undefined ? {} : { unanswered };
  }

  /** @param endpoints those that the configuration or a source names now; others may still have calls */
  ofUpstream(name: string, endpoints: readonly EndpointState[]): Readonly<Record<string, unknown>> {
    const upstream = this.#report.upstreams.find((one) => one.name === name);
    if (upstream === undefined) return { endpoints: endpoints.map(describeEndpoint) };
    const health = this.#health.reportOf(name);
    const named = new Set(endpoints.map(({ address }) => address.text));
    const known = new Map(upstream.endpoints.map((report) => [report.address, report]));
    const leaving = upstream.endpoints
      .filter(({ address }) => !named.has(address))
      .map((report) => ({ address: report.address, ...describeState(report, undefined) }));
    return {
      pending: upstream.pending,
      endpoints: endpoints.slice(0, MOST_ENDPOINTS).map((endpoint) => {
        const { text } = endpoint.address;
        const report = known.get(text);
        const state = report && describeState(report, health.get(text));
        return { ...describeEndpoint(endpoint), ...state };
      }),
      ...(leaving.length === 0 ? {} : { leaving }),
      ...(upstream.leftOut === 0 ? {} : { leftOut: upstream.leftOut }),
    };
  }
}

export function describeEndpoint({
  address,
  weight,
  priority,
  zone,
}: EndpointState): Readonly<Record<string, unknown>> {
  return { address: address.text, weight, priority, ...(zone === undefined ? {} : { zone }) };
}

function describeState(
  report: EndpointReport,
  health: HealthReport | undefined,
): Readonly<Record<string, unknown>> {
  const { usedBy, processes, activeCalls, connections, reasons } = report;
  return {
    used: usedBy === processes ? true : usedBy === 0 ? false : `by ${usedBy} of ${processes} processes`,
    ...(reasons.length === 0
      ? {}
      : { whyNot: reasons.map((reason) => describeReason(reason, processes, health)) }),
    activeCalls,
    connections,
    ...(health === undefined ? {} : { health: describeHealth(health) }),
  };
}

function describeReason(reason: NotUsed, processes: number, health: HealthReport | undefined): unknown {
  const { by, token, sentence } = reason;
  const isOfHealth = by === 'health' && health !== undefined;
  const sinceEpochMs = isOfHealth ? health.sinceEpochMs : reason.sinceEpochMs;
  const againInMs = isOfHealth ? health.nextInMs : reason.againInMs;
  return {
    by,
    token,
    sentence,
    ...(sinceEpochMs === undefined ? {} : { since: new Date(sinceEpochMs).toISOString() }),
    ...(againInMs === undefined ? {} : { triedAgainInSeconds: againInMs / 1000 }),
    ...(reason.processes === processes ? {} : { processes: reason.processes }),
  };
}

function describeHealth({ isHealthy, method, sinceEpochMs }: HealthReport): unknown {
  return {
    healthy: method === undefined ? 'not known yet' : isHealthy,
    ...(method === undefined ? {} : { method, since: new Date(sinceEpochMs).toISOString() }),
  };
}
