// The counts of all limits of a process. They outlive the configuration: a limit whose rate changes goes on counting.

import type { Tokens } from '../calls/flow-limits.ts';
import { limitLabel } from '../config/limits-config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { StoreConfig } from '../config/stores-config.ts';
import { LeaseDesk } from './lease-desk.ts';
import type { LeaseTerms } from './lease-terms.ts';
import { LeasedQuota } from './leased-quota.ts';
import type { Quota } from './quota.ts';
import { QuotaReports } from './quota-reports.ts';
import { type Allowance, QuotaTable } from './quota-table.ts';
import { type RateLimit, rateLimitsOf } from './rate-limits.ts';
import { SharedQuota } from './shared-quota.ts';
import { StreamTokens } from './stream-tokens.ts';

/** What policies need of it. */
export interface QuotaSource {
  /** The counts of one limit. They are the same for each configuration that has the limit. */
  quotaOf(limit: RateLimit): Quota;
  /** A call was refused or ended by a limit. */
  refused(limit: RateLimit): void;
  /** A limit with `dryRun` has let a call pass that it would have refused, ended or paced. @param limit as `limitLabel` has it */
  tried(route: string, limit: string): void;
}

/** What policies need that count inside of calls. */
export interface FlowQuotaSource extends QuotaSource {
  /** The tokens of one stream, for a limit of each stream by itself. */
  streamTokens(limit: Pick<RateLimit, 'allowance'>): Tokens;
  /** @returns is told of each wait for tokens of a limit that paces, or of a part of it, in milliseconds */
  pacedBy(limit: RateLimit): (waitedMs: number) => void;
}

export class Quotas implements FlowQuotaSource {
  /** Connects this process with others that count for the same limits. */
  readonly reports: QuotaReports;
  /** Where limits that several machines share get their tokens. */
  readonly leases: LeaseDesk;
  /** Is told of refusals, and of each limit when it is put to use. Must not throw. */
  onRefused: (limit: RateLimit, calls: number) => void = () => undefined;
  /** Is told of what limits with `dryRun` have let pass, and of each of them when it is put to use. Must not throw. */
  onTried: (route: string, limit: string, calls: number) => void = () => undefined;
  /** Is asked for each limit that paces, when it is put to use. @returns is told of each wait for its tokens, or of a part of it. Neither may throw. */
  onPacing: (limit: RateLimit) => (waitedMs: number) => void = () => () => undefined;
  readonly #now: () => number;
  readonly #most: number | undefined;
  readonly #quotas = new Map<string, SharedQuota | LeasedQuota>();

  /**
   * @param now monotonic milliseconds
   * @param most how many keys a limit counts for by themselves
   */
  constructor(now: () => number, most?: number) {
    this.reports = new QuotaReports(now);
    this.#now = now;
    this.leases = new LeaseDesk({ now });
    this.#most = most;
  }

  quotaOf(limit: RateLimit): Quota {
    const { id } = limit;
    const quota = this.#quotas.get(id) ?? this.#make(limit);
    this.#quotas.set(id, quota);
    return quota;
  }

  streamTokens({ allowance }: Pick<RateLimit, 'allowance'>): Tokens {
    return new StreamTokens(allowance, this.#now);
  }

  #make({ id, allowance, limit: { store } }: RateLimit): SharedQuota | LeasedQuota {
    if (store !== undefined) return this.leases.quotaFor({ store, limit: id, ...leaseTerms(allowance) });
    const table = new QuotaTable({ allowance, now: this.#now, most: this.#most });
    return new SharedQuota(id, table, this.reports);
  }

  refused(limit: RateLimit): void {
    this.onRefused(limit, 1);
  }

  tried(route: string, limit: string): void {
    this.onTried(route, limit, 1);
  }

  pacedBy(limit: RateLimit): (waitedMs: number) => void {
    // Asked for late, since the configuration that has the limit may never be put to use.
    let tell: ((waitedMs: number) => void) | undefined;
    return (waitedMs) => {
      tell ??= this.onPacing(limit);
      tell(waitedMs);
    };
  }

  /** Call it when a configuration is put to use: until then, the rates of the one before apply. */
  use(routes: readonly RouteConfig[], stores: readonly StoreConfig[] = []): void {
    this.leases.use(stores);
    const limits = new Map(routes.flatMap(rateLimitsOf).map((limit) => [limit.id, limit]));
    for (const limit of limits.values()) {
      if (limit.limit.dryRun === true) continue;
      this.onRefused(limit, 0);
      if (limit.limit.exceed === 'slow') this.onPacing(limit);
    }
    for (const route of routes)
      for (const limit of route.limits ?? [])
        if (limit.dryRun === true) this.onTried(route.name, limitLabel(limit), 0);
    for (const [id, quota] of this.#quotas) {
      const limit = limits.get(id);
      if (limit === undefined) this.#quotas.delete(id);
      else if (quota instanceof LeasedQuota) quota.change(leaseTerms(limit.allowance));
      else quota.change(limit.allowance);
    }
  }

  close(): void {
    this.reports.close();
    this.leases.close();
  }
}

function leaseTerms({ perMs, burst }: Allowance): Pick<LeaseTerms, 'ratePerSecond' | 'burst'> {
  return { ratePerSecond: perMs * 1000, burst };
}
