// The figures of one process for the dashboard, which asks for them every second: tables of numbers, and words only where there is something
// to say. An endpoint that gets calls costs a row of numbers.

import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import {
  ENDPOINT_LAYOUT,
  ENDPOINT_STATES,
  endpointKey,
  ROUTE_LAYOUT,
  TOTALS_LAYOUT,
  UPSTREAM_LAYOUT,
} from '../observability/figure-layouts.ts';
import type { FigureTable } from '../observability/figure-table.ts';
import { BUCKET_COUNT } from '../observability/histogram.ts';
import type { Pace } from '../observability/pace.ts';
import { cpuSeconds, processUse } from '../observability/process-metrics.ts';
import type { CallEndpoint } from '../relay/snapshot.ts';
import type { BuiltUpstream } from './build-snapshot.ts';
import type { PlaneFigures, ProcessState, SaidOfEndpoint } from './process-figures.ts';
import type { ReportSources } from './report-sources.ts';
import { MOST_ENDPOINTS, type NotUsed, reachOf, whyNotUsed } from './upstream-report.ts';

/** Of all upstreams together. */
export const MOST_FIGURED_ENDPOINTS = 4000;
/** Endpoints beyond these have a state and no sentence. */
const MOST_SAID = 1000;

/** What the calls that run have carried. */
interface RunningCalls {
  readonly traffic: ExchangeTraffic;
  readonly byRoute: ReadonlyMap<string, number>;
  readonly byEpoch: ReadonlyMap<number, number>;
}

/** Costs little: it is asked for every few seconds even when nobody looks at the dashboard. */
export function totalsOf(sources: ReportSources): FigureTable {
  return totalsWith(sources, runningCalls(sources));
}

/** What must agree is read in one step, and the endpoints of one upstream after the other. */
export async function figuresOf(sources: ReportSources, pace: Pace): Promise<PlaneFigures> {
  const running = runningCalls(sources);
  const totals = totalsWith(sources, running);
  const routes = sources.metrics.counted.exchanges.byRoute(running.byRoute.keys());
  for (const [row, route] of routes.keys.entries())
    routes.values[row * ROUTE_LAYOUT.width + ROUTE_LAYOUT.at('inFlight')] = running.byRoute.get(route) ?? 0;
  await pace.rest();
  const table = new EndpointTable();
  for (const [name, built] of sources.snapshot().built) {
    table.add(name, built);
    await pace.rest();
  }
  return {
    totals,
    routes,
    ...table.figures,
    epochs: Array.from(running.byEpoch, ([epoch, calls]) => ({ epoch, calls })),
    processes: [processOf(sources)],
  };
}

function runningCalls({ running }: ReportSources): RunningCalls {
  const traffic = { requestBytes: 0, responseBytes: 0, requestMessages: 0, responseMessages: 0 };
  const byRoute = new Map<string, number>();
  const byEpoch = new Map<number, number>();
  for (const call of running()) {
    const { requestBytes, responseBytes, requestMessages, responseMessages } = call.traffic;
    traffic.requestBytes += requestBytes;
    traffic.responseBytes += responseBytes;
    traffic.requestMessages += requestMessages;
    traffic.responseMessages += responseMessages;
    const { route, snapshot } = call.subject;
    byRoute.set(route, (byRoute.get(route) ?? 0) + 1);
    byEpoch.set(snapshot.epoch, (byEpoch.get(snapshot.epoch) ?? 0) + 1);
  }
  return { traffic, byRoute, byEpoch };
}

function totalsWith(sources: ReportSources, { traffic, byRoute }: RunningCalls): FigureTable {
  const { exchanges, events } = sources.metrics.counted;
  const { overload, diagnoses } = sources;
  const { connections, memory, eventLoopDelay } = overload.report;
  const { sum, traffic: ended } = exchanges;
  const values = new Float64Array(TOTALS_LAYOUT.width);
  const put = (column: Parameters<typeof TOTALS_LAYOUT.at>[0], value: number): void => {
    values[TOTALS_LAYOUT.at(column)] = value;
  };
  for (const outcome of ['ok', 'cancelled', 'clientFault', 'failed'] as const)
    put(outcome, ROUTE_LAYOUT.read(sum, 0, outcome));
  for (const histogram of ['durations', 'firstMessages'] as const) {
    const at = ROUTE_LAYOUT.at(histogram);
    values.set(sum.values.subarray(at, at + BUCKET_COUNT), TOTALS_LAYOUT.at(histogram));
  }
  for (const part of ['requestBytes', 'responseBytes', 'requestMessages', 'responseMessages'] as const)
    put(part, ended[part] + traffic[part]);
  put('refusedClients', events.refusedCount);
  put('diagnoses', diagnoses.total);
  put('cpuSeconds', cpuSeconds());
  let inFlight = 0;
  for (const count of byRoute.values()) inFlight += count;
  put('inFlight', inFlight);
  put('connections', connections.open);
  put('memoryBytes', memory.usedBytes);
  put('eventLoopDelayP99Ms', eventLoopDelay.p99Ms);
  return { keys: [''], values };
}

function processOf({ worker, snapshot, load, overload }: ReportSources): ProcessState {
  const { connections, memory, eventLoopDelay } = overload.report;
  return {
    worker,
    pid: process.pid,
    state: 'serving',
    epoch: snapshot().epoch,
    carries: { calls: load().calls, connections: connections.open },
    eventLoopDelay,
    memory,
    ...processUse(),
  };
}

/** The rows of the endpoints of one upstream after the other, and what is to be said of them. */
class EndpointTable {
  readonly #keys: string[] = [];
  readonly #values: number[] = [];
  readonly #upstreams: string[] = [];
  readonly #upstreamValues: number[] = [];
  readonly #said: SaidOfEndpoint[] = [];

  get figures(): Pick<PlaneFigures, 'endpoints' | 'upstreams' | 'said'> {
    return {
      endpoints: { keys: this.#keys, values: Float64Array.from(this.#values) },
      upstreams: { keys: this.#upstreams, values: Float64Array.from(this.#upstreamValues) },
      said: this.#said,
    };
  }

  add(name: string, built: BuiltUpstream): void {
    const { allEndpoints, endpoints, pendingCount, panics } = built.upstream;
    const room = Math.min(MOST_ENDPOINTS, MOST_FIGURED_ENDPOINTS - this.#keys.length);
    const shown = allEndpoints.slice(0, Math.max(0, room));
    const named = new Set<CallEndpoint>(endpoints);
    for (const endpoint of shown) this.#addEndpoint(name, endpoint, built, named.has(endpoint));
    this.#upstreams.push(name);
    const panicMs = Math.max(0, ...panics.map(({ sinceEpochMs }) => msSince(sinceEpochMs)));
    const leftOut = allEndpoints.length - shown.length;
    this.#upstreamValues.push(...UPSTREAM_LAYOUT.row({ pending: pendingCount, leftOut, panicMs }));
  }

  #addEndpoint(name: string, endpoint: CallEndpoint, built: BuiltUpstream, isNamed: boolean): void {
    const { counts, connectionCounts, activeCalls, weight } = endpoint;
    const key = endpointKey(name, endpoint.address.text);
    const isUsed = isNamed && built.upstream.getsCalls(endpoint);
    // What is in order has no reasons, and must cost nothing to be found so.
    const reasons = isUsed && endpoint.isHealthy ? [] : whyNotUsed(endpoint, built, isNamed);
    if (reasons.length > 0 && this.#said.length < MOST_SAID) this.#said.push({ key, reasons });
    const reach = reachOf(endpoint);
    let connections = 0;
    for (const state in connectionCounts) connections += connectionCounts[state];
    this.#keys.push(key);
    this.#values.push(
      ...ENDPOINT_LAYOUT.row({
        answered: counts.answered,
        failed: counts.failed,
        givenUp: counts.givenUp,
        lost: counts.lost,
        timedOut: counts.timedOut,
        responses: counts.responses,
        responseMs: counts.responseMs,
        ejections: counts.ejections,
        processes: 1,
        usedBy: Number(isUsed),
        inFlight: activeCalls,
        connections,
        state: stateOf(reasons, isUsed),
        weight,
        ageMs: msSince(endpoint.knownSinceEpochMs),
        unreachedSinceEpochMs: reach.unreachedSinceEpochMs ?? 0,
        heardAtEpochMs: reach.heardAtEpochMs ?? 0,
      }),
    );
  }
}

/** At least 1, also where the clock was set back. */
function msSince(epochMs: number): number {
  return Math.max(1, Date.now() - epochMs);
}

const STATE_OF_REASON: Readonly<Record<NotUsed['by'], (typeof ENDPOINT_STATES)[number]>> = {
  health: 'unhealthy',
  outliers: 'ejected',
  connecting: 'unreachable',
  keepalive: 'silent',
  priority: 'standby',
  zone: 'standby',
  drain: 'leaving',
};

/** The worst of what keeps calls away, as an index of ENDPOINT_STATES. */
function stateOf(reasons: readonly NotUsed[], isUsed: boolean): number {
  if (reasons.length === 0) return ENDPOINT_STATES.indexOf(isUsed ? 'in_use' : 'idle');
  return Math.max(...reasons.map(({ by }) => ENDPOINT_STATES.indexOf(STATE_OF_REASON[by])));
}
