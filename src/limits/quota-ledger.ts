// The counts of all limits as the primary process has them. It decides nothing: it adds up what its workers have let pass, and tells each
// of them the sum.

import type { RouteConfig } from '../config/route-config.ts';
import type { QuotaAnswer, QuotaReport } from './quota-reports.ts';
import { QuotaTable } from './quota-table.ts';
import { rateLimitsOf } from './rate-limits.ts';

/** Says that the limit of a report is not known: the worker has another configuration. */
const UNKNOWN = -1;

export class QuotaLedger {
  readonly #now: () => number;
  readonly #most: number | undefined;
  readonly #tables = new Map<string, QuotaTable>();

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now(), most?: number) {
    this.#now = now;
    this.#most = most;
  }

  /** Counts for the limits of this configuration from now on. */
  use(routes: readonly RouteConfig[]): void {
    const limits = new Map(routes.flatMap(rateLimitsOf).map((limit) => [limit.id, limit]));
    for (const id of this.#tables.keys()) if (!limits.has(id)) this.#tables.delete(id);
    for (const [id, { allowance }] of limits) {
      const table = this.#tables.get(id);
      if (table === undefined)
        this.#tables.set(id, new QuotaTable({ allowance, now: this.#now, most: this.#most }));
      else table.change(allowance);
    }
  }

  /** A report of which the lists do not fit together adds nothing. */
  add({ report, limits, keys, clients, counts, goneBack }: QuotaReport): QuotaAnswer {
    const used = new Float64Array(limits.length).fill(UNKNOWN);
    if ([keys, clients, counts, goneBack].some(({ length }) => length !== limits.length))
      return { report, used };
    for (const [index, id] of limits.entries()) {
      const table = this.#tables.get(id);
      if (table === undefined) continue;
      const use = { more: counts[index], goneBack: Math.max(0, goneBack[index]) };
      used[index] = table.addPast(keys[index], clients[index], use);
    }
    return { report, used };
  }
}
