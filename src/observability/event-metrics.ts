// Counters for events other than good calls: protocol violations, refused clients, failed calls and endpoints, contained errors;
// and the counters of each endpoint. Every event is counted, including those that the log reports only once a minute. Labels are
// tokens from the code or names from the configuration.

import { EndpointMetrics } from './endpoint-metrics.ts';
import { DurationHistogram } from './histogram.ts';
import { LabelledCounter } from './labelled-counter.ts';
import { histogramFamily, type MetricFamily } from './metrics-snapshot.ts';

/** The tokens whose lines exist from the start, so that monitoring sees the first event as an increase. */
export interface KnownTokens {
  readonly refusals: readonly string[];
  readonly failures: readonly string[];
  readonly faultLayers: readonly string[];
}

export class EventMetrics {
  readonly endpoints = new EndpointMetrics();
  /** How many clients were refused. */
  refusedCount = 0;
  readonly #violations = new LabelledCounter(
    'framegate_protocol_errors_total',
    'Rules of HTTP/2 that peers broke, and floods that were ended, by the token of the rule.',
    ['side', 'token'],
  );
  readonly #refusals = new LabelledCounter(
    'framegate_refused_clients_total',
    'Clients turned away before there was an exchange, by the token of the diagnosis.',
    ['diagnosis'],
  );
  readonly #failures = new LabelledCounter(
    'framegate_failures_total',
    'Exchanges that the proxy ended itself, by the token of the reason.',
    ['token'],
  );
  readonly #endpointFailures = new LabelledCounter(
    'framegate_endpoint_failures_total',
    'Connections to endpoints that could not be made, and answers that could not be used, by the token of the diagnosis.',
    ['upstream', 'endpoint', 'token'],
  );
  readonly #limited = new LabelledCounter(
    'framegate_limits_refused_total',
    'Calls that were refused because a limit of their route had nothing left for them.',
    ['route', 'limit'],
  );
  readonly #tried = new LabelledCounter(
    'framegate_limits_dry_run_total',
    'Calls that limits with dryRun have let pass, and would have refused, ended or slowed down.',
    ['route', 'limit'],
  );
  readonly #paced = new LabelledCounter(
    'framegate_limits_paced_seconds_total',
    'For how long limits of routes have held back messages or bytes of calls, added up over these calls.',
    ['route', 'limit'],
  );
  readonly #noEndpoint = new LabelledCounter(
    'framegate_upstream_no_endpoint_total',
    'Calls that were refused because no endpoint of the upstream could be used.',
    ['upstream'],
  );

  readonly #contained = new LabelledCounter(
    'framegate_contained_errors_total',
    'Faults of Framegate itself that ended one connection and nothing else, by the layer they happened in.',
    ['layer'],
  );

  readonly #waits = new Map<string, DurationHistogram>();

  constructor({ refusals, failures, faultLayers }: KnownTokens) {
    for (const layer of faultLayers) this.#contained.count({ layer }, 0);
    for (const diagnosis of refusals) this.#refusals.count({ diagnosis }, 0);
    for (const token of failures) this.#failures.count({ token }, 0);
  }

  violation(side: 'downstream' | 'upstream', token: string): void {
    this.#violations.count({ side, token });
  }

  refused(token: string): void {
    this.refusedCount++;
    this.#refusals.count({ diagnosis: token });
  }

  failed(token: string): void {
    this.#failures.count({ token });
  }

  /** @param limit the limit as the configuration has it. @param calls 0 makes its line exist */
  limited(route: string, limit: string, calls: number): void {
    this.#limited.count({ route, limit }, calls);
  }

  /** @param limit the limit as the configuration has it. @param calls 0 makes its line exist */
  tried(route: string, limit: string, calls: number): void {
    this.#tried.count({ route, limit }, calls);
  }

  /** @param limit the limit as the configuration has it. @returns is told of each wait for its tokens. Its line exists from now on */
  pacedBy(route: string, limit: string): (waitedMs: number) => void {
    const add = this.#paced.adderOf({ route, limit });
    return (waitedMs) => add(waitedMs / 1000);
  }

  contained(layer: string): void {
    this.#contained.count({ layer });
  }

  endpointFailed(upstream: string, endpoint: string, token: string): void {
    const label = this.endpoints.labelOf(upstream, endpoint);
    this.#endpointFailures.count({ upstream, endpoint: label, token });
  }

  /** @param calls how many calls were refused; 0 when the upstream is made, so that monitoring sees the first as an increase */
  noEndpoint(upstream: string, calls: number): void {
    this.#noEndpoint.count({ upstream }, calls);
  }

  /** @returns what is told of each call that has waited for a place at this upstream, when it waits no more */
  waitsOf(upstream: string): (waitedMs: number) => void {
    const waits = this.#waits.get(upstream) ?? new DurationHistogram({ upstream });
    this.#waits.set(upstream, waits);
    return (waitedMs) => waits.count(waitedMs);
  }

  *families(): Iterable<MetricFamily> {
    const counters = [
      this.#violations,
      this.#refusals,
      this.#failures,
      this.#endpointFailures,
      this.#limited,
      this.#tried,
      this.#paced,
      this.#noEndpoint,
      this.#contained,
    ];
    for (const { family } of counters) yield family;
    // The primary process has no upstreams.
    if (this.#waits.size > 0)
      yield histogramFamily(
        'framegate_upstream_wait_seconds',
        'How long calls that found no place at an upstream have waited for one, also in vain.',
        Array.from(this.#waits.values(), ({ block }) => block),
      );
    yield* this.endpoints.families();
  }
}
