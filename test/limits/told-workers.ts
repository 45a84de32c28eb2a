// Workers that count for one limit in the test's own process, with a primary between them that hears of them when the test lets it.

import type { TestContext } from 'node:test';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import type { RouteConfig } from '../../src/config/route-config.ts';
import type { Quota } from '../../src/limits/quota.ts';
import { QuotaLedger } from '../../src/limits/quota-ledger.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import type { Clock } from '../relay/limited-relay.ts';
import { routeConfig } from '../support/route-config.ts';

export class ToldWorkers {
  readonly ledger: QuotaLedger;
  /** One for each worker, by which the ledger knows it. */
  readonly workers: readonly Quotas[];
  /** Of the limit, one for each worker. */
  readonly tokens: readonly Quota[];
  #route: RouteConfig;
  readonly #clock: Clock;
  readonly #t: TestContext;
  readonly #onTheWay: (() => void)[] = [];

  constructor(t: TestContext, limit: RateLimitConfig, count: number, clock: Clock) {
    t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    const now = (): number => clock.nowMs;
    const route = routeConfig({ limits: [limit] });
    this.#t = t;
    this.#clock = clock;
    this.ledger = new QuotaLedger(now);
    this.#route = route;
    this.reload();
    this.workers = Array.from({ length: count }, () => this.#begin(new Quotas(now), count));
    this.tokens = this.workers.map((quotas) => quotas.quotaOf(rateLimitsOf(route)[0]));
  }

  /** The primary counts for the limit, also if it did not for a while. @param limit the same one by other terms, if there are any */
  reload(limit?: RateLimitConfig): void {
    if (limit !== undefined) this.#route = routeConfig({ limits: [limit] });
    this.ledger.use([this.#route]);
    if (limit !== undefined) for (const quotas of this.workers) quotas.use([this.#route]);
  }

  #begin(quotas: Quotas, count: number): Quotas {
    this.#t.after(() => quotas.close());
    quotas.reports.connect(
      (report) => this.#onTheWay.push(() => quotas.reports.answered(this.ledger.add(quotas, report))),
      count,
    );
    return quotas;
  }

  /** @param arrives whether what is on its way arrives, and the answer to it */
  pass(ms: number, arrives: boolean): void {
    this.#clock.passes(ms);
    this.#t.mock.timers.tick(ms);
    for (let trips = arrives ? 3 : 0; trips > 0; trips--) {
      for (const carry of this.#onTheWay.splice(0)) carry();
      this.#t.mock.timers.tick(0);
    }
  }
}
