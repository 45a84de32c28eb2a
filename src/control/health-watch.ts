// Has the endpoints of upstreams checked whose configuration says so, tells the plane what was found, and logs and counts it. A proxy
// that checks nothing loads nothing for it.

import type { Config } from '../config/config.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import type { EndpointState } from '../config/upstream-config.ts';
import type { EndpointCheck } from '../health/endpoint-check.ts';
import type { HealthChecks } from '../health/health-checks.ts';
import type { Logger } from '../observability/logger.ts';
import { counterFamily, type MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import { LineBudget } from '../plane/line-budget.ts';
import { PartLoader } from './part-loader.ts';

/** An endpoint that changes more often is counted, and told in the metrics. */
const LINES_IN_A_MINUTE = 10;
/** Endpoints of which changes are counted. Sources may name others all the time; what is counted must not grow for ever. */
const MOST_COUNTED = 10_000;

export interface HealthWatchOptions {
  readonly publish: (update: HealthUpdate) => void;
  readonly logger: Logger;
  /** Replaces the loading in tests. */
  readonly load?: () => Promise<typeof HealthChecks>;
  /** A shorter time for tests. */
  readonly loadAgainInMs?: number;
}

interface Flips {
  readonly upstream: string;
  readonly endpoint: string;
  healthy: number;
  unhealthy: number;
}

/** What is known of the health of one endpoint, for /api/upstreams. */
export interface HealthReport {
  readonly isHealthy: boolean;
  readonly sinceEpochMs: number;
  /** How it is asked. Undefined before the first answer. */
  readonly method: string | undefined;
  /** When it is asked next. 0 while it is asked. */
  readonly nextInMs: number;
}

export class HealthWatch {
  readonly #options: HealthWatchOptions;
  readonly #flips = new Map<string, Flips>();
  readonly #budget = new LineBudget(LINES_IN_A_MINUTE);
  readonly #methods = new LineBudget(1);
  #wanted: Config | undefined = undefined;
  #known: () => KnownEndpoints = () => new Map();
  #checks: HealthChecks | undefined = undefined;
  readonly #loader: PartLoader<typeof HealthChecks>;

  constructor(options: HealthWatchOptions) {
    this.#options = options;
    this.#loader = new PartLoader({
      load: options.load ?? (async () => (await import('../health/health-checks.ts')).HealthChecks),
      onLoaded: (Checks) => this.#begin(Checks),
      onFailed: (err) =>
        options.logger.error({ err }, 'the health checks cannot be loaded: this is tried again each second'),
      onFault: (err) => this.#fault(err),
      againInMs: options.loadAgainInMs,
    });
  }

  /** Follows a configuration that was put to use. @param known returns the endpoints that sources have named */
  use(config: Config, known: () => KnownEndpoints): void {
    this.#wanted = config;
    this.#known = known;
    if (this.#checks !== undefined) this.#checks.use(config, known());
    else if (config.upstreams.some(({ health }) => health !== undefined)) this.#loader.want();
  }

  #begin(Checks: typeof HealthChecks): void {
    if (this.#wanted === undefined) return;
    this.#checks = new Checks({
      publish: this.#options.publish,
      onFlip: (upstream, check) => this.#flipped(upstream, check),
      onMethod: (upstream, check) => this.#describeMethod(upstream, check),
      onFault: (err) => this.#fault(err),
    });
    this.#checks.use(this.#wanted, this.#known());
  }

  endpointsChanged(upstream: string, endpoints: readonly EndpointState[]): void {
    this.#checks?.endpointsChanged(upstream, endpoints);
  }

  /** The TLS files of an upstream have changed. */
  renewTls(upstream: string): void {
    this.#checks?.renewTls(upstream);
  }

  #fault(err: unknown): void {
    this.#options.logger.error({ err }, 'internal error: a health check failed; please report this');
  }

  #flipped(upstream: string, { endpoint, state }: EndpointCheck): void {
    const { reason } = state;
    this.#count(upstream, endpoint, reason === undefined ? 'healthy' : 'unhealthy');
    const leftOut = this.#budget.spend(`${upstream} ${endpoint} ${reason === undefined}`);
    if (leftOut === undefined) return;
    const fields = { upstream, endpoint, by: 'health', ...(leftOut > 0 && { leftOut }) };
    const { logger } = this.#options;
    if (reason === undefined) logger.info(fields, 'the endpoint gets calls again');
    else
      logger.warn({ ...fields, token: reason.token }, `the endpoint gets no new calls: ${reason.sentence}`);
  }

  #describeMethod(upstream: string, { endpoint, method }: EndpointCheck): void {
    if (this.#methods.spend(`${upstream} ${endpoint} ${method}`) === undefined) return;
    this.#options.logger.info({ upstream, endpoint, method }, 'the health of the endpoint is asked for');
  }

  #count(upstream: string, endpoint: string, to: 'healthy' | 'unhealthy'): void {
    const key = `${upstream} ${endpoint}`;
    let flips = this.#flips.get(key);
    if (flips === undefined) {
      const label = this.#flips.size < MOST_COUNTED ? endpoint : 'other';
      flips = this.#flips.get(`${upstream} ${label}`) ?? {
        upstream,
        endpoint: label,
        healthy: 0,
        unhealthy: 0,
      };
      this.#flips.set(`${upstream} ${label}`, flips);
    }
    flips[to]++;
  }

  reportOf(upstream: string): ReadonlyMap<string, HealthReport> {
    const checks = this.#checks?.checksOf(upstream) ?? new Map<string, EndpointCheck>();
    return new Map(
      Array.from(checks, ([endpoint, { state, method, nextInMs }]) => {
        const { reason, sinceEpochMs } = state;
        return [endpoint, { isHealthy: reason === undefined, sinceEpochMs, method, nextInMs }];
      }),
    );
  }

  get metrics(): MetricsSnapshot {
    const flips = [...this.#flips.values()];
    return [
      counterFamily(
        'framegate_health_checks_total',
        'Health checks of endpoints, by result: passed, failed, or timed_out.',
        (this.#checks?.results ?? []).map(({ upstream, result, count }) => ({
          labels: { upstream, result },
          value: count,
        })),
      ),
      counterFamily(
        'framegate_health_changes_total',
        'How often health checks have found that an endpoint became unhealthy, or healthy again.',
        flips.flatMap(({ upstream, endpoint, healthy, unhealthy }) => [
          { labels: { upstream, endpoint, to: 'unhealthy' }, value: unhealthy },
          { labels: { upstream, endpoint, to: 'healthy' }, value: healthy },
        ]),
      ),
    ];
  }

  close(): void {
    this.#loader.close();
    this.#checks?.close();
  }
}
