// What the processes that carry calls, the health checks and the load reports know of the endpoints, for the admin API: whether each of
// them gets calls, and the sentence that says why not; and where its weight comes from.

import type { EndpointState } from '../config/upstream-config.ts';
import type { Plane, UpstreamsReport } from '../plane/plane.ts';
import {
  type EndpointReport,
  isHeardSince,
  MOST_ENDPOINTS,
  type NotUsed,
  type PanicReport,
} from '../plane/upstream-report.ts';
import type { HealthReport } from './health-watch.ts';
import type { Watches } from './watches.ts';
import type { LoadReported } from './weight-watch.ts';

type Watched = Pick<Watches, 'healthOf' | 'loadOf'>;

export class EndpointStates {
  readonly #plane: Pick<Plane, 'upstreams'>;
  readonly #watched: Watched;

  constructor(plane: Pick<Plane, 'upstreams'>, watched: Watched) {
    this.#plane = plane;
    this.#watched = watched;
  }

  async ask(): Promise<KnownStates> {
    return new KnownStates(await this.#plane.upstreams({ heldUp: true }), this.#watched);
  }
}

/** The states at one moment. */
export class KnownStates {
  readonly #report: UpstreamsReport;
  readonly #watched: Watched;

  constructor(report: UpstreamsReport, watched: Watched) {
    this.#report = report;
    this.#watched = watched;
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
    const health = this.#watched.healthOf(name);
    const load = this.#watched.loadOf(name);
    const named = new Set(endpoints.map(({ address }) => address.text));
    const known = new Map(upstream.endpoints.map((report) => [report.address, report]));
    const leaving = upstream.endpoints
      .filter(({ address }) => !named.has(address))
      .map((report) => ({ address: report.address, ...describeState(report, undefined) }));
    return {
      ...(upstream.panics.length === 0
        ? {}
        : { panic: upstream.panics.map((panic) => describePanic(panic, upstream.processes)) }),
      pending: upstream.pending,
      limits: Object.fromEntries(
        Object.entries(upstream.limits).map(([limit, { used, most }]) => [limit, `${used} of ${most}`]),
      ),
      endpoints: endpoints.slice(0, MOST_ENDPOINTS).map((endpoint) => {
        const { text } = endpoint.address;
        const report = known.get(text);
        const state = report && describeState(report, health.get(text));
        const reported = load?.get(text);
        const weighed = report && reported && { load: describeLoad(report, reported) };
        return { ...describeEndpoint(endpoint), ...state, ...weighed };
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
  const { usedBy, processes, activeCalls, heldUp = 0, connections, reasons } = report;
  const heardSince = isHeardSince(report);
  return {
    used: usedBy === processes ? true : usedBy === 0 ? false : `by ${usedBy} of ${processes} processes`,
    ...(reasons.length === 0
      ? {}
      : { whyNot: reasons.map((reason) => describeReason(reason, processes, health)) }),
    activeCalls,
    ...(heldUp > 0 ? { heldUp } : {}),
    connections,
    ...(heardSince === undefined ? {} : { heardSince }),
    ...(health === undefined ? {} : { health: describeHealth(health) }),
  };
}

function describePanic(
  { priority, usable, total, sinceEpochMs, processes }: PanicReport,
  ofProcesses: number,
): unknown {
  return {
    priority,
    usable,
    of: total,
    since: new Date(sinceEpochMs).toISOString(),
    ...(processes === ofProcesses ? {} : { processes }),
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
    ...(by === 'connecting' && againInMs === 0 ? { triedAgain: 'with the next call' } : {}),
    ...(reason.processes === processes ? {} : { processes: reason.processes }),
  };
}

function describeHealth({ isHealthy, method, sinceEpochMs }: HealthReport): unknown {
  return {
    healthy: method === undefined ? 'not known yet' : isHealthy,
    ...(method === undefined ? {} : { method, since: new Date(sinceEpochMs).toISOString() }),
  };
}

function describeLoad(
  { weight, weightFrom }: EndpointReport,
  { reported, ageMs, why }: LoadReported,
): Readonly<Record<string, unknown>> {
  return {
    weight: Number(weight.toPrecision(4)),
    from: weightFrom,
    ...(reported === undefined ? {} : { reported: Number(reported.toPrecision(4)) }),
    ...(ageMs === undefined ? {} : { ageSeconds: Math.round(ageMs) / 1000 }),
    ...(why === undefined ? {} : { why }),
  };
}
