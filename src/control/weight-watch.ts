// Has the endpoints of upstreams report their load whose configuration says so, tells the plane what weights that makes, and logs and
// counts it. A proxy that does not weigh by load loads nothing for it.

import type { Config } from '../config/config.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { EndpointState } from '../config/upstream-config.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import type { LoadReports } from '../health/load-reports.ts';
import type { LoadStream } from '../health/load-stream.ts';
import type { Logger } from '../observability/logger.ts';
import { counterFamily, type MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import { LineBudget } from '../plane/line-budget.ts';
import { PartLoader } from './part-loader.ts';

const LINES_IN_A_MINUTE = 10;

export interface WeightWatchOptions {
  readonly publish: (update: WeightUpdate) => void;
  readonly logger: Logger;
  /** Replaces the loading in tests. */
  readonly load?: () => Promise<typeof LoadReports>;
  /** A shorter time for tests. */
  readonly loadAgainInMs?: number;
}

/** What is known of the load of one endpoint, for /api/upstreams. */
export interface LoadReported {
  /** The weight by its last report. Undefined while none counts. */
  readonly reported: number | undefined;
  /** The age of the last report. Undefined before the first. */
  readonly ageMs: number | undefined;
  /** Why no report counts, or no further one comes. Undefined while they do. */
  readonly why: string | undefined;
}

export class WeightWatch {
  readonly #options: WeightWatchOptions;
  readonly #budget = new LineBudget(LINES_IN_A_MINUTE);
  #wanted: Config | undefined = undefined;
  #known: () => KnownEndpoints = () => new Map();
  #reports: LoadReports | undefined = undefined;
  readonly #loader: PartLoader<typeof LoadReports>;

  constructor(options: WeightWatchOptions) {
    this.#options = options;
    this.#loader = new PartLoader({
      load: options.load ?? (async () => (await import('../health/load-reports.ts')).LoadReports),
      onLoaded: (Reports) => this.#begin(Reports),
      onFailed: (err) =>
        options.logger.error({ err }, 'the load reports cannot be loaded: this is tried again each second'),
      onFault: (err) => this.#fault(err),
      againInMs: options.loadAgainInMs,
    });
  }

  /** Follows a configuration that was put to use. @param known returns the endpoints that sources have named */
  use(config: Config, known: () => KnownEndpoints): void {
    this.#wanted = config;
    this.#known = known;
    if (this.#reports !== undefined) this.#reports.use(config, known());
    else if (config.upstreams.some(({ weights }) => weights !== undefined)) this.#loader.want();
  }

  #begin(Reports: typeof LoadReports): void {
    if (this.#wanted === undefined) return;
    this.#reports = new Reports({
      publish: this.#options.publish,
      onRefused: (upstream, stream) => this.#refused(upstream, stream),
      onReporting: (upstream, stream) => this.#reporting(upstream, stream),
      onFault: (err) => this.#fault(err),
    });
    this.#reports.use(this.#wanted, this.#known());
  }

  endpointsChanged(upstream: string, endpoints: readonly EndpointState[]): void {
    this.#reports?.endpointsChanged(upstream, endpoints);
  }

  /** The TLS files of an upstream have changed. */
  renewTls(upstream: string): void {
    this.#reports?.renewTls(upstream);
  }

  #fault(err: unknown): void {
    this.#options.logger.error({ err }, 'internal error: load reports failed; please report this');
  }

  #refused(upstream: string, stream: LoadStream): void {
    const { endpoint } = stream;
    const leftOut = this.#budget.spend(`${upstream} refused`);
    if (leftOut === undefined) return;
    const fields = { upstream, endpoint, ...(leftOut > 0 && { leftOut }) };
    const sentence = `${endpoint} ${stream.state(performance.now()).why}`;
    this.#options.logger.warn(fields, `the load of the endpoint is not known: ${sentence}`);
  }

  #reporting(upstream: string, { endpoint }: LoadStream): void {
    const leftOut = this.#budget.spend(`${upstream} reporting`);
    if (leftOut === undefined) return;
    const fields = { upstream, endpoint, ...(leftOut > 0 && { leftOut }) };
    this.#options.logger.info(fields, 'the endpoint reports its load');
  }

  /** By the address of the endpoint. Undefined if the weights of the upstream do not come from load reports. */
  reportOf(upstream: string): ReadonlyMap<string, LoadReported> | undefined {
    const streams = this.#reports?.streamsOf(upstream);
    if (streams === undefined) return undefined;
    const nowMs = performance.now();
    return new Map(Array.from(streams, ([endpoint, stream]) => [endpoint, reportedBy(stream, nowMs)]));
  }

  get metrics(): MetricsSnapshot {
    return [
      counterFamily(
        'framegate_load_reports_total',
        'Load reports of endpoints, by result: used, idle (no weight can be made of them), or refused.',
        (this.#reports?.results ?? []).map(({ upstream, result, count }) => ({
          labels: { upstream, result },
          value: count,
        })),
      ),
    ];
  }

  close(): void {
    this.#loader.close();
    this.#reports?.close();
  }
}

function reportedBy(stream: LoadStream, nowMs: number): LoadReported {
  const { weight, ageMs, blackoutMs, why } = stream.state(nowMs);
  const { endpoint } = stream;
  if (why !== undefined) return { reported: weight, ageMs, why: `${endpoint} ${why}` };
  if (weight !== undefined) return { reported: weight, ageMs, why: undefined };
  const rest = blackoutMs === 0 ? 'was too long ago' : `counts in ${Math.ceil(blackoutMs / 1000)} s`;
  return { reported: undefined, ageMs, why: `the load report of ${endpoint} ${rest}` };
}
