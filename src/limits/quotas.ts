// The counts of all limits of a process. They outlive the configuration: a limit whose rate changes goes on counting.

import type { Tokens } from '../calls/flow-limits.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { Quota } from './quota.ts';
import { QuotaReports } from './quota-reports.ts';
import { QuotaTable } from './quota-table.ts';
import { type RateLimit, rateLimitsOf } from './rate-limits.ts';
import { SharedQuota } from './shared-quota.ts';
import { StreamTokens } from './stream-tokens.ts';

/** What policies need of it. */
export interface QuotaSource {
  /** The counts of one limit. They are the same for each configuration that has the limit. */
  quotaOf(limit: RateLimit): Quota;
  /** A call was refused or ended by a limit. */
  refused(limit: RateLimit): void;
}

/** What policies need that count inside of calls. */
export interface FlowQuotaSource extends QuotaSource {
  /** The tokens of one stream, for a limit of each stream by itself. */
  streamTokens(limit: RateLimit): Tokens;
}

export class Quotas implements FlowQuotaSource {
  /** Connects this process with others that count for the same limits. */
  readonly reports: QuotaReports;
  /** Is told of refusals, and of each limit when it is put to use. Must not throw. */
  onRefused: (limit: RateLimit, calls: number) => void = () => undefined;
  readonly #now: () => number;
  readonly #most: number | undefined;
  readonly #quotas = new Map<string, SharedQuota>();

  /**
   * @param now monotonic milliseconds
   * @param most how many keys a limit counts for by themselves
   */
  constructor(now: () => number, most?: number) {
    this.reports = new QuotaReports(now);
    this.#now = now;
    this.#most = most;
  }

  quotaOf({ id, allowance }: RateLimit): Quota {
    let quota = this.#quotas.get(id);
    if (quota === undefined) {
      const table = new QuotaTable({ allowance, now: this.#now, most: this.#most });
      quota = new SharedQuota(id, table, this.reports);
      this.#quotas.set(id, quota);
    }
    return quota;
  }

  streamTokens({ allowance }: RateLimit): Tokens {
    return new StreamTokens(allowance, this.#now);
  }

  refused(limit: RateLimit): void {
    this.onRefused(limit, 1);
  }

  /** Call it when a configuration is put to use: until then, the rates of the one before apply. */
  use(routes: readonly RouteConfig[]): void {
    const limits = new Map(routes.flatMap(rateLimitsOf).map((limit) => [limit.id, limit]));
    for (const limit of limits.values()) this.onRefused(limit, 0);
    for (const [id, quota] of this.#quotas) {
      const limit = limits.get(id);
      if (limit === undefined) this.#quotas.delete(id);
      else quota.change(limit.allowance);
    }
  }

  close(): void {
    this.reports.close();
  }
}
