// The figures of `framegate top`: what happened between two readings of the metrics, by route and by endpoint.

import type { Increase, Labels, MetricsReading } from './metrics-reading.ts';

export interface RouteFigures {
  /** '' for calls that no route matched. */
  readonly route: string;
  readonly upstream: string;
  readonly callsPerSecond: number;
  /** Calls in flight. */
  readonly active: number;
  /** Calls that ended with another gRPC status than OK. */
  readonly failuresPerSecond: number;
  /** Calls per second by gRPC status other than OK, the most frequent first. Calls that are not gRPC have no status. */
  readonly failures: Readonly<Record<string, number>>;
  /** Half of the calls took no longer. An estimate, and from 60,000 on a lower bound. Null if there were none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface EndpointFigures {
  readonly upstream: string;
  readonly endpoint: string;
  readonly attemptsPerSecond: number;
  /** Attempts that the endpoint has failed: it reset them, lost their connection, or sent an invalid response. */
  readonly failuresPerSecond: number;
  /** Attempts that had no complete response when the client cancelled them, their deadline passed, or Framegate ended them. */
  readonly givenUpPerSecond: number;
  /** Attempts under way. */
  readonly active: number;
  readonly isHealthy: boolean;
  /** The mean time to the head of a response. Null if no response has begun. */
  readonly meanMs: number | null;
}

export interface TopFigures {
  readonly seconds: number;
  readonly callsPerSecond: number;
  /** Of clients, now. */
  readonly connections: number;
  /** How many workers have died, and their calls with them. */
  readonly workerDeaths: number;
  /** Both the busiest first: by what has ended, and then by what runs. */
  readonly routes: readonly RouteFigures[];
  readonly endpoints: readonly EndpointFigures[];
}

interface Bucket {
  /** In seconds. */
  readonly upTo: number;
  readonly count: number;
}

export function topFigures(before: MetricsReading, now: MetricsReading): TopFigures {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const routes = routeFigures(before, now, seconds);
  return {
    seconds,
    callsPerSecond: routes.reduce((sum, { callsPerSecond }) => sum + callsPerSecond, 0),
    connections: now.sum('framegate_downstream_connections'),
    workerDeaths: sumOf(now.since(before, 'framegate_worker_deaths_total')),
    routes,
    endpoints: endpointFigures(before, now, seconds),
  };
}

/** Whatever listeners the calls came by. */
function routeFigures(before: MetricsReading, now: MetricsReading, seconds: number): readonly RouteFigures[] {
  const ends = grouped(now.since(before, 'framegate_exchanges_total'), ['route', 'upstream']);
  const durations = grouped(now.since(before, 'framegate_exchange_duration_seconds_bucket'), [
    'route',
    'upstream',
  ]);
  // Streams that last for hours end in no interval.
  const running = grouped(
    now.of('framegate_route_active_calls').filter(({ value }) => value > 0),
    ['route', 'upstream'],
  );
  const found = Array.from(new Set([...ends.keys(), ...running.keys()]), (key): RouteFigures => {
    const increases = ends.get(key) ?? [];
    const active = running.get(key) ?? [];
    const [{ labels }] = [...increases, ...active];
    const byStatus = grouped(increases.filter(isFailure), ['grpc_status']);
    const failures = Array.from(byStatus, ([, ofStatus]) => {
      return [label(ofStatus[0].labels, 'grpc_status'), sumOf(ofStatus) / seconds] as const;
    }).filter(([, perSecond]) => perSecond > 0);
    const buckets = bucketsOf(durations.get(key) ?? []);
    return {
      route: label(labels, 'route'),
      upstream: label(labels, 'upstream'),
      callsPerSecond: sumOf(increases) / seconds,
      active: sumOf(active),
      failuresPerSecond: failures.reduce((sum, [, perSecond]) => sum + perSecond, 0),
      failures: Object.fromEntries(failures.toSorted(([, one], [, other]) => other - one)),
      p50Ms: quantileMs(buckets, 0.5),
      p99Ms: quantileMs(buckets, 0.99),
    };
  });
  return found.toSorted(
    (one, other) =>
      other.callsPerSecond - one.callsPerSecond ||
      other.active - one.active ||
      compare(one.route, other.route),
  );
}

/** Outcomes of attempts that are the fault of their endpoint. One that was lost had a faster attempt beside it. */
const FAILED: ReadonlySet<string> = new Set(['failed', 'timed_out']);
/** Whose fault that was is not known: of a service that hangs, or of a client that ends its streams so. */
const GIVEN_UP: ReadonlySet<string> = new Set(['given_up']);

function endpointFigures(
  before: MetricsReading,
  now: MetricsReading,
  seconds: number,
): readonly EndpointFigures[] {
  const names = ['upstream', 'endpoint'];
  const attempts = grouped(now.since(before, 'framegate_endpoint_attempts_total'), names);
  const responses = grouped(now.since(before, 'framegate_endpoint_responses_total'), names);
  const responseSeconds = grouped(now.since(before, 'framegate_endpoint_response_seconds_total'), names);
  const active = grouped(now.of('framegate_endpoint_active_calls'), names);
  const healthy = grouped(now.of('framegate_endpoint_healthy'), names);
  // An endpoint that a reload has removed keeps its counters, but has no state.
  const found = Array.from(healthy, ([key, [{ labels, value }]]): EndpointFigures => {
    const ended = attempts.get(key) ?? [];
    const begun = sumOf(responses.get(key) ?? []);
    const endedAs = (outcomes: ReadonlySet<string>): number =>
      sumOf(ended.filter((one) => outcomes.has(label(one.labels, 'outcome')))) / seconds;
    return {
      upstream: label(labels, 'upstream'),
      endpoint: label(labels, 'endpoint'),
      attemptsPerSecond: sumOf(ended) / seconds,
      failuresPerSecond: endedAs(FAILED),
      givenUpPerSecond: endedAs(GIVEN_UP),
      active: sumOf(active.get(key) ?? []),
      isHealthy: value > 0,
      meanMs: begun > 0 ? (sumOf(responseSeconds.get(key) ?? []) / begun) * 1000 : null,
    };
  });
  return found.toSorted(
    (one, other) =>
      other.attemptsPerSecond - one.attemptsPerSecond ||
      other.active - one.active ||
      compare(one.upstream, other.upstream) ||
      compare(one.endpoint, other.endpoint),
  );
}

/** From here on a bucket is three to seven times as long as its lower bound, so a value between its bounds would say nothing. */
export const LEAST_ONLY_SECONDS = 60;

/**
 * @param buckets in ascending order; each counts the calls that are not in the one before
 * @returns the duration that a share of the calls did not exceed: an estimate, interpolated within its bucket. From a minute on, and in the
 * last bucket, it is the lower bound of the bucket. Null if there are no calls
 */
export function quantileMs(buckets: readonly Bucket[], share: number): number | null {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  if (total <= 0) return null;
  let [below, from] = [0, 0];
  for (const { upTo, count } of buckets) {
    const isReached = below + count >= share * total && count > 0;
    // Of the last bucket only the lower end is known.
    if (isReached && (upTo === Number.POSITIVE_INFINITY || from >= LEAST_ONLY_SECONDS)) return from * 1000;
    if (isReached) return (from + (upTo - from) * ((share * total - below) / count)) * 1000;
    below += count;
    from = upTo;
  }
  return from * 1000;
}

/** Each bucket of the text counts the calls of all smaller ones as well. */
function bucketsOf(increases: readonly Increase[]): readonly Bucket[] {
  const cumulative = new Map<number, number>();
  for (const { labels, value } of increases) {
    const text = label(labels, 'le');
    const upTo = text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
    cumulative.set(upTo, (cumulative.get(upTo) ?? 0) + value);
  }
  const ordered = [...cumulative].toSorted(([one], [other]) => one - other);
  return ordered.map(([upTo, count], index) => ({
    upTo,
    count: Math.max(0, count - (ordered[index - 1]?.[1] ?? 0)),
  }));
}

function grouped(
  increases: readonly Increase[],
  names: readonly string[],
): ReadonlyMap<string, readonly Increase[]> {
  return Map.groupBy(increases, ({ labels }) => JSON.stringify(names.map((name) => label(labels, name))));
}

function isFailure({ labels }: Increase): boolean {
  const status = label(labels, 'grpc_status');
  return status !== '' && status !== 'OK';
}

function label(labels: Labels, name: string): string {
  return labels.get(name) ?? '';
}

function sumOf(increases: readonly Increase[]): number {
  return increases.reduce((sum, { value }) => sum + value, 0);
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
