// What the attempts at endpoints come to per second.

import type {
  DashboardFigures,
  EndpointFigures,
  UpstreamFigures,
} from '../../src/admin/dashboard-figures.ts';

export interface EndpointRates {
  readonly perSecond: number;
  /** By the endpoint's fault. An attempt that lost to a faster one of the same call says nothing bad about it. */
  readonly failedPerSecond: number;
  /** Those that had no complete response when the client cancelled them, their deadline passed, or Framegate ended them. */
  readonly givenUpPerSecond: number;
  /** The mean time to the head of a response; undefined if none has come. */
  readonly responseMs: number | undefined;
}

export function endpointKey(upstream: string, endpoint: string): string {
  return JSON.stringify([upstream, endpoint]);
}

/** By the address of the endpoint. */
export function endpointRates(
  { upstream, endpoints }: UpstreamFigures,
  before: DashboardFigures | undefined,
  after: DashboardFigures | undefined,
): ReadonlyMap<string, EndpointRates> {
  const seconds =
    before === undefined || after === undefined
      ? 0
      : (after.totals.atEpochMs - before.totals.atEpochMs) / 1000;
  const earlier = before?.upstreams.find((one) => one.upstream === upstream)?.endpoints ?? [];
  const byAddress = new Map(earlier.map((endpoint) => [endpoint.endpoint, endpoint]));
  return new Map(
    endpoints.map((endpoint) => [
      endpoint.endpoint,
      ratesOf(endpoint, byAddress.get(endpoint.endpoint), seconds),
    ]),
  );
}

function ratesOf(
  after: EndpointFigures,
  before: EndpointFigures | undefined,
  seconds: number,
): EndpointRates {
  const added = (
    name: 'answered' | 'failed' | 'givenUp' | 'lost' | 'timedOut' | 'responses' | 'responseMs',
  ) => Math.max(0, after[name] - (before?.[name] ?? 0));
  const rate = (count: number) => (seconds > 0 ? count / seconds : 0);
  const failed = added('failed') + added('timedOut');
  const givenUp = added('givenUp');
  const responses = added('responses');
  return {
    perSecond: rate(added('answered') + givenUp + added('lost') + failed),
    failedPerSecond: rate(failed),
    givenUpPerSecond: rate(givenUp),
    responseMs: responses === 0 ? undefined : added('responseMs') / responses,
  };
}
