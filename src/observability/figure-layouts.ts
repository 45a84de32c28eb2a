// The columns of the figures that the processes of a proxy send to each other for the dashboard.

import { FigureLayout } from './figure-table.ts';
import { BUCKET_COUNT } from './histogram.ts';

/** Calls by route: how those that have ended did so, and those that run. */
export const ROUTE_LAYOUT = new FigureLayout({
  ok: 'counter',
  cancelled: 'counter',
  clientFault: 'counter',
  failed: 'counter',
  retries: 'counter',
  durations: ['counter', BUCKET_COUNT],
  firstMessages: ['counter', BUCKET_COUNT],
  inFlight: 'gauge',
});

/** All of a process, in one row. */
export const TOTALS_LAYOUT = new FigureLayout({
  ok: 'counter',
  cancelled: 'counter',
  clientFault: 'counter',
  failed: 'counter',
  durations: ['counter', BUCKET_COUNT],
  firstMessages: ['counter', BUCKET_COUNT],
  requestBytes: 'counter',
  responseBytes: 'counter',
  requestMessages: 'counter',
  responseMessages: 'counter',
  refusedClients: 'counter',
  diagnoses: 'counter',
  cpuSeconds: 'counter',
  inFlight: 'gauge',
  connections: 'gauge',
  memoryBytes: 'gauge',
  eventLoopDelayP99Ms: 'most',
});

/** Endpoints, by `endpointKey`. */
export const ENDPOINT_LAYOUT = new FigureLayout({
  answered: 'counter',
  failed: 'counter',
  givenUp: 'counter',
  lost: 'counter',
  timedOut: 'counter',
  responses: 'counter',
  responseMs: 'counter',
  ejections: 'counter',
  processes: 'gauge',
  usedBy: 'gauge',
  inFlight: 'gauge',
  connections: 'gauge',
  /** An index of ENDPOINT_STATES: the worst counts. */
  state: 'most',
  weight: 'most',
  /** For how long the process that knows it longest has known it. */
  ageMs: 'most',
  /** When it could not be reached any more, in the process that found out last. 0 if all have reached it last time. */
  unreachedSinceEpochMs: 'most',
  /** When something came last from it on a connection that new calls may use. 0 without one. */
  heardAtEpochMs: 'most',
});

/** Upstreams, by name. */
export const UPSTREAM_LAYOUT = new FigureLayout({
  pending: 'gauge',
  leftOut: 'most',
  /** For how long there is a panic in the process where it began first. 0 without one. */
  panicMs: 'most',
});

/** From the best to the worst. */
export const ENDPOINT_STATES = [
  'in_use',
  'idle',
  'standby',
  'leaving',
  'silent',
  'unreachable',
  'ejected',
  'unhealthy',
] as const;

/** The name of an upstream contains no line break. */
export function endpointKey(upstream: string, endpoint: string): string {
  return `${upstream}\n${endpoint}`;
}

/** @param key as endpointKey makes it */
export function endpointOfKey(key: string): { readonly upstream: string; readonly endpoint: string } {
  const at = key.indexOf('\n');
  return { upstream: key.slice(0, at), endpoint: key.slice(at + 1) };
}
