// The metrics of one process that carries calls: its counters, and its state at the moment of the scrape.

import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import type { ExchangeObserver } from '../calls/observers.ts';
import type { Config } from '../config/config.ts';
import { diagnosisCodes } from '../diagnosis/codes.ts';
import { refusalTokens } from '../diagnosis/refusal.ts';
import { FaultMetrics } from '../observability/fault-metrics.ts';
import { type LogState, logFamilies } from '../observability/log-metrics.ts';
import { MethodMetrics } from '../observability/method-metrics.ts';
import { Metrics } from '../observability/metrics.ts';
import {
  counterFamily,
  gaugeFamily,
  type MetricFamily,
  type MetricsSnapshot,
  single,
} from '../observability/metrics-snapshot.ts';
import { Pace } from '../observability/pace.ts';
import { QuestionMetrics } from '../observability/question-metrics.ts';
import type { RunningCall } from '../relay/relay.ts';
import { FAULT_LAYERS } from '../transport/containment.ts';
import type { ProxySnapshot } from './build-snapshot.ts';
import type { BlockedCounts } from './live-calls.ts';
import type { OverloadReport } from './overload-guard.ts';
import { routeCallsFamily } from './route-gauge.ts';
import { UpstreamGauges } from './upstream-gauges.ts';

/** The current state of a data plane. */
export interface PlaneState {
  readonly calls: number;
  readonly running: readonly RunningCall[];
  readonly blocked: BlockedCounts;
  /** The number of open connections by listener name. */
  readonly connections: ReadonlyMap<string, number>;
  readonly overload: OverloadReport;
  readonly log: LogState;
  readonly snapshot: ProxySnapshot;
  /** How many decisions were made since the start. */
  readonly decisions: number;
  readonly endpointUpdates: number;
}

const failureTokens = Array.from(diagnosisCodes).flatMap(([token, code]) =>
  code.startsWith('FG3') ? [token] : [],
);

export class PlaneMetrics {
  readonly counted = new Metrics({
    refusals: refusalTokens,
    failures: failureTokens,
    faultLayers: FAULT_LAYERS,
  });
  readonly #methods = new MethodMetrics();
  readonly #faults = new FaultMetrics();
  readonly questions = new QuestionMetrics();
  readonly upstreams = new UpstreamGauges();
  /** Those that the configuration asks for, beside what is always counted. */
  observers: readonly ExchangeObserver[] = [];

  use({ metrics, routes }: Config): void {
    const wantsMethods = metrics?.methods === true;
    if (wantsMethods) this.#methods.use(routes);
    this.#faults.use(routes);
    this.observers = [
      ...(wantsMethods ? [this.#methods] : []),
      ...(this.#faults.isUsed ? [this.#faults] : []),
    ];
  }

  /** Reads the counters and gauges one family after the other, and gives the event loop its turn between them. */
  async collect(state: PlaneState, pace = new Pace()): Promise<MetricsSnapshot> {
    const families: MetricFamily[] = [];
    for (const family of this.#families(state)) {
      families.push(family);
      await pace.rest();
    }
    return families;
  }

  *#families(state: PlaneState): Iterable<MetricFamily> {
    const { calls, running, blocked, connections, overload, log, snapshot } = state;
    const { decisions, endpointUpdates } = state;
    yield* this.counted.families(trafficOfAll(running));
    yield* this.#methods.families();
    yield* this.#faults.families();
    yield* this.questions.families();
    yield gaugeFamily(
      'framegate_exchanges_active',
      'Exchanges that have begun and are not finished.',
      single(calls),
    );
    yield routeCallsFamily(running, snapshot.config.routes);
    yield* blockedFamilies(running);
    yield gaugeFamily(
      'framegate_blocked_calls',
      'Exchanges that somebody holds up now: the client, the service, or Framegate, where it has no place for them.',
      Object.entries(blocked).map(([by, value]) => ({ labels: { by }, value })),
    );
    yield counterFamily(
      'framegate_request_decisions_total',
      'Heads of requests that were decided; an equal one on the same connection takes what was decided before.',
      single(decisions),
    );
    yield counterFamily(
      'framegate_endpoint_updates_applied_total',
      'Changes of the endpoints of an upstream, besides reloads, that a process which carries calls has made.',
      single(endpointUpdates),
    );
    yield connectionsFamily(connections);
    yield* this.upstreams.families(snapshot);
    yield* overloadFamilies(overload);
    yield* logFamilies(log);
  }
}

export function connectionsFamily(connections: ReadonlyMap<string, number>): MetricFamily {
  return gaugeFamily(
    'framegate_downstream_connections',
    'Connections of clients, whatever they speak, by the listener they came in by.',
    Array.from(connections, ([listener, value]) => ({ labels: { listener }, value })),
  );
}

function overloadFamilies({ memory, eventLoopDelay }: OverloadReport): readonly MetricFamily[] {
  const { p50Ms, p99Ms, maxMs } = eventLoopDelay;
  const delays = { p50: p50Ms, p99: p99Ms, max: maxMs };
  const families = [
    gaugeFamily(
      'framegate_event_loop_delay_seconds',
      'How late the event loop was in the last ten seconds, of the process that was latest.',
      Object.entries(delays).map(([statistic, ms]) => ({ labels: { statistic }, value: ms / 1000 })),
      'max',
    ),
    gaugeFamily(
      'framegate_memory_pressure_level',
      'Memory: 0 enough, 1 caches are given back, 2 new calls are refused, 3 new connections too.',
      single(memory.level),
      'max',
    ),
    gaugeFamily(
      'framegate_memory_used_bytes',
      'Memory in use, as it is compared with the limit: without what was freed and is kept for the next need.',
      single(memory.usedBytes),
    ),
  ];
  if (memory.limitBytes !== undefined) {
    const help = 'Memory that may be used, as limits.memory or the machine have it.';
    families.push(gaugeFamily('framegate_memory_limit_bytes', help, single(memory.limitBytes)));
  }
  return families;
}

function blockedFamilies(running: readonly RunningCall[]): readonly MetricFamily[] {
  const blocked = { request: { exchanges: 0, bytes: 0 }, response: { exchanges: 0, bytes: 0 } };
  for (const call of running) {
    for (const direction of ['request', 'response'] as const) {
      const { pendingBytes } = call[direction];
      if (pendingBytes === 0) continue;
      blocked[direction].exchanges++;
      blocked[direction].bytes += pendingBytes;
    }
  }
  const directions = Object.entries(blocked);
  return [
    gaugeFamily(
      'framegate_exchanges_blocked',
      'Exchanges in which bytes wait for the window of the service (request) or of the client (response).',
      directions.map(([direction, { exchanges }]) => ({ labels: { direction }, value: exchanges })),
    ),
    gaugeFamily(
      'framegate_blocked_bytes',
      'Bytes that wait for a window of their receiver, or for a place at a service.',
      directions.map(([direction, { bytes }]) => ({ labels: { direction }, value: bytes })),
    ),
  ];
}

function trafficOfAll(running: readonly RunningCall[]): ExchangeTraffic {
  const sum = { requestBytes: 0, responseBytes: 0, requestMessages: 0, responseMessages: 0 };
  for (const { traffic } of running) {
    sum.requestBytes += traffic.requestBytes;
    sum.responseBytes += traffic.responseBytes;
    sum.requestMessages += traffic.requestMessages;
    sum.responseMessages += traffic.responseMessages;
  }
  return sum;
}
