// What a process knows of its endpoints: whether each gets calls, and if not, why. Reports of several processes are merged into one.

import { endpointKey } from '../observability/figure-layouts.ts';
import type { CallEndpoint } from '../relay/snapshot.ts';
import type { Endpoint, Excluder } from '../upstreams/endpoint.ts';
import type { LimitUse, UpstreamLimit } from '../upstreams/upstream-parts.ts';
import type { BuiltUpstream } from './build-snapshot.ts';
import { describeDoubt } from './endpoint-doubt.ts';

/** Of one upstream. What is left out is counted. */
export const MOST_ENDPOINTS = 1000;

/** Why an endpoint gets no calls. */
export interface NotUsed {
  /**
   * Who keeps them away: an Excluder; 'connecting' when it could not be reached last time, and 'keepalive' while it owes an answer;
   * 'priority' or 'zone' while others get all calls; or 'drain' when nobody names it any more.
   */
  readonly by: Excluder | 'connecting' | 'keepalive' | 'priority' | 'zone' | 'drain';
  readonly token: string;
  readonly sentence: string;
  readonly sinceEpochMs?: number | undefined;
  /** When it is tried again, from now. */
  readonly againInMs?: number | undefined;
  /** How many processes say so. */
  readonly processes: number;
}

/** 'mean' is that of the endpoints whose load reports count. */
export type WeightSource = 'configuration' | 'report' | 'mean';

export interface EndpointReport {
  /** As configured. */
  readonly address: string;
  /** How many processes know it, and how many of them give it calls. */
  readonly processes: number;
  readonly usedBy: number;
  readonly activeCalls: number;
  /** How many calls it holds up: it sends nothing although it is its turn, does not read, or reads slowly. Undefined if that was not asked. */
  readonly heldUp?: number | undefined;
  /** Attempts that have ended: by a complete response, whatever its status, or in another way. */
  readonly answered: number;
  readonly unanswered: number;
  /** Its share of the calls in proportion to the other endpoints, and what that goes by. */
  readonly weight: number;
  readonly weightFrom: WeightSource;
  readonly connections: Readonly<Record<string, number>>;
  /** When something came last from it on a connection that new calls may use, in any process. Undefined if there is no such connection. */
  readonly heardAtEpochMs?: number | undefined;
  /**
   * When it could not be reached any more, in the process that found out last. A connection on which nothing has come since may be as dead.
   * Undefined if all have reached it last time.
   */
  readonly unreachedSinceEpochMs?: number | undefined;
  readonly reasons: readonly NotUsed[];
}

/** Too few endpoints of a priority can be used, so that those that are kept out get calls as well. */
export interface PanicReport {
  readonly priority: number;
  /** How many can be used, of how many. Of several processes that of the one with the fewest. */
  readonly usable: number;
  readonly total: number;
  readonly sinceEpochMs: number;
  /** How many processes say so. */
  readonly processes: number;
}

export interface UpstreamReport {
  readonly name: string;
  /** How many processes know it. */
  readonly processes: number;
  readonly panics: readonly PanicReport[];
  /** How full the limits of its processes are, added up. */
  readonly limits: Readonly<Partial<Record<UpstreamLimit, LimitUse>>>;
  /** Calls that wait for a place. */
  readonly pending: number;
  readonly endpoints: readonly EndpointReport[];
  readonly leftOut: number;
}

/**
 * Whether something has come from the endpoint since it could not be reached, in any process. If not, its other connections may be as dead.
 * Undefined if all have reached it last time.
 */
export function isHeardSince(
  report: Pick<EndpointReport, 'heardAtEpochMs' | 'unreachedSinceEpochMs'>,
): boolean | undefined {
  const { heardAtEpochMs: heardMs = 0, unreachedSinceEpochMs: unreachedMs } = report;
  return unreachedMs === undefined ? undefined : heardMs > unreachedMs;
}

/** @param heldUp how many calls each endpoint holds up, by `endpointKey`. Undefined if that is not asked */
export function reportUpstreams(
  built: ReadonlyMap<string, BuiltUpstream>,
  heldUp?: ReadonlyMap<string, number>,
): readonly UpstreamReport[] {
  return Array.from(built, ([name, one]) => {
    const { endpoints, allEndpoints, pendingCount, panics, limits } = one.upstream;
    const here = new Set<CallEndpoint>(endpoints);
    const shown = allEndpoints.slice(0, MOST_ENDPOINTS);
    return {
      name,
      processes: 1,
      panics: panics.map((panic) => ({ ...panic, processes: 1 })),
      limits,
      pending: pendingCount,
      endpoints: shown.map((endpoint) => {
        const isNamed = here.has(endpoint);
        const isUsed = isNamed && one.upstream.getsCalls(endpoint);
        return {
          ...reportOf(endpoint, isUsed, whyNotUsed(endpoint, one, isNamed)),
          heldUp: heldUp && (heldUp.get(endpointKey(name, endpoint.address.text)) ?? 0),
        };
      }),
      leftOut: allEndpoints.length - shown.length,
    };
  });
}

/**
 * What keeps calls away from an endpoint. Empty if nothing does.
 * @param isNamed whether the configuration or a source still names it
 */
export function whyNotUsed(
  endpoint: CallEndpoint,
  { upstream, outliers }: BuiltUpstream,
  isNamed: boolean,
): readonly NotUsed[] {
  if (!isNamed) return [leaving(endpoint)];
  const reasons: NotUsed[] = [];
  const health = endpoint.exclusionBy('health');
  if (health !== undefined) reasons.push({ by: 'health', ...health, processes: 1 });
  const ejected = endpoint.exclusionBy('outliers');
  if (ejected !== undefined) {
    const ejection = endpoint.outcomes && outliers?.ejectionOf(endpoint.outcomes);
    const againInMs = ejection && Math.max(0, Math.round(ejection.untilMs - performance.now()));
    reasons.push({
      by: 'outliers',
      ...ejected,
      sinceEpochMs: ejection?.sinceEpochMs,
      againInMs,
      processes: 1,
    });
  }
  const { isInDoubt, isUsable, lastFailure, failingSinceEpochMs, triedAgainInMs } = endpoint;
  if (lastFailure !== undefined)
    reasons.push({
      by: 'connecting',
      ...lastFailure,
      sinceEpochMs: failingSinceEpochMs,
      againInMs: triedAgainInMs,
      processes: 1,
    });
  if (isInDoubt) reasons.push(inDoubt(endpoint));
  const idle = isUsable ? upstream.whyIdle(endpoint) : undefined;
  if (idle !== undefined) reasons.push(standby(endpoint, idle));
  return reasons;
}

function inDoubt(endpoint: Endpoint): NotUsed {
  const sentence = describeDoubt(endpoint.address.text, endpoint.doubt);
  return { by: 'keepalive', token: 'endpoint_in_doubt', sentence, processes: 1 };
}

function standby({ address, state }: Endpoint, by: 'priority' | 'zone'): NotUsed {
  const { priority, zone } = state;
  const sentence =
    by === 'priority'
      ? `${address.text} is on standby: it has priority ${priority}, and those before it can take all calls`
      : `${address.text} is on standby: it is in ${zone === undefined ? 'no zone' : `zone ${zone}`}, and the preferred zone takes all calls`;
  return { by, token: 'endpoint_on_standby', sentence, processes: 1 };
}

function leaving({ address, activeCalls }: Endpoint): NotUsed {
  const calls =
    activeCalls === 1 ? 'the call that it has goes on' : `the ${activeCalls} calls that it has go on`;
  const sentence = `${address.text} is named neither by the configuration nor by a source any more, and ${calls}`;
  return { by: 'drain', token: 'endpoint_leaving', sentence, processes: 1 };
}

function reportOf(
  endpoint: Endpoint,
  isUsed: boolean,
  reasons: readonly NotUsed[],
): Omit<EndpointReport, 'heldUp'> {
  const { address, activeCalls, connectionCounts, counts, weight } = endpoint;
  return {
    address: address.text,
    processes: 1,
    usedBy: Number(isUsed),
    activeCalls,
    answered: counts.answered,
    unanswered: counts.failed + counts.givenUp + counts.lost + counts.timedOut,
    weight,
    weightFrom: weightSource(endpoint),
    connections: { ...connectionCounts },
    ...reachOf(endpoint),
    reasons,
  };
}

export type Reach = Pick<EndpointReport, 'heardAtEpochMs' | 'unreachedSinceEpochMs'>;

/**
 * When an endpoint was heard last, and since when it cannot be reached. Both were measured by a clock that is never set, and are told by the
 * one that processes share, as it is now: if it was set between the two, they would have the wrong order by what it said then.
 */
export function reachOf({ heardAtMs, lastFailure, failingSinceMs }: Endpoint): Reach {
  const originMs = Date.now() - performance.now();
  const told = (ms: number): number => Math.round(originMs + ms);
  return {
    heardAtEpochMs: heardAtMs === undefined ? undefined : told(heardAtMs),
    unreachedSinceEpochMs: lastFailure === undefined ? undefined : told(failingSinceMs),
  };
}

function weightSource({ assignedWeight, reportedWeight }: Endpoint): WeightSource {
  if (assignedWeight === undefined) return 'configuration';
  return reportedWeight === undefined ? 'mean' : 'report';
}

/** Adds up what several processes say of the same upstreams. */
export function mergeUpstreamReports(
  reports: readonly (readonly UpstreamReport[])[],
): readonly UpstreamReport[] {
  return [...Map.groupBy(reports.flat(), ({ name }) => name)].map(([name, ofUpstream]) => ({
    name,
    processes: sum(ofUpstream.map(({ processes }) => processes)),
    panics: [
      ...Map.groupBy(
        ofUpstream.flatMap(({ panics }) => panics),
        ({ priority }) => priority,
      ).values(),
    ].map(mergePanics),
    limits: mergeLimits(ofUpstream.map(({ limits }) => limits)),
    pending: sum(ofUpstream.map(({ pending }) => pending)),
    endpoints: [
      ...Map.groupBy(
        ofUpstream.flatMap(({ endpoints }) => endpoints),
        ({ address }) => address,
      ).values(),
    ].map(mergeEndpoints),
    leftOut: Math.max(...ofUpstream.map(({ leftOut }) => leftOut)),
  }));
}

function mergeEndpoints(reports: readonly EndpointReport[]): EndpointReport {
  const connections: Record<string, number> = {};
  for (const report of reports)
    for (const [state, count] of Object.entries(report.connections))
      connections[state] = (connections[state] ?? 0) + count;
  // All processes are told the same weights.
  const [{ address, weight, weightFrom }] = reports;
  return {
    address,
    weight,
    weightFrom,
    processes: sum(reports.map(({ processes }) => processes)),
    usedBy: sum(reports.map(({ usedBy }) => usedBy)),
    activeCalls: sum(reports.map(({ activeCalls }) => activeCalls)),
    heldUp: sumOfKnown(reports.map((report) => report.heldUp)),
    answered: sum(reports.map(({ answered }) => answered)),
    unanswered: sum(reports.map(({ unanswered }) => unanswered)),
    connections,
    heardAtEpochMs: newest(reports.map((report) => report.heardAtEpochMs)),
    unreachedSinceEpochMs: newest(reports.map((report) => report.unreachedSinceEpochMs)),
    reasons: [
      ...Map.groupBy(
        reports.flatMap(({ reasons }) => reasons),
        ({ by, token }) => `${by} ${token}`,
      ).values(),
    ].map(mergeReasons),
  };
}

function mergeLimits(all: readonly UpstreamReport['limits'][]): UpstreamReport['limits'] {
  const sums: Partial<Record<UpstreamLimit, LimitUse>> = {};
  for (const limit of ['streams', 'pending', 'retries'] as const) {
    const uses = all.flatMap((limits) => limits[limit] ?? []);
    if (uses.length === 0) continue;
    sums[limit] = { used: sum(uses.map(({ used }) => used)), most: sum(uses.map(({ most }) => most)) };
  }
  return sums;
}

function mergePanics(panics: readonly PanicReport[]): PanicReport {
  const [worst] = panics.toSorted((one, other) => one.usable - other.usable);
  return {
    ...worst,
    sinceEpochMs: Math.min(...panics.map(({ sinceEpochMs }) => sinceEpochMs)),
    processes: sum(panics.map(({ processes }) => processes)),
  };
}

/** The sentence of the first, with the earliest times of all. */
function mergeReasons(reasons: readonly NotUsed[]): NotUsed {
  return {
    ...reasons[0],
    sinceEpochMs: least(reasons.map(({ sinceEpochMs }) => sinceEpochMs)),
    againInMs: least(reasons.map(({ againInMs }) => againInMs)),
    processes: sum(reasons.map(({ processes }) => processes)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Undefined if none is known. */
function sumOfKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : sum(known);
}

function newest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
