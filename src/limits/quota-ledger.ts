// The counts of all limits as the primary process has them. It decides nothing: it adds up what its workers have let pass, and tells each
// of them the sum.

import type { RouteConfig } from '../config/route-config.ts';
import type { QuotaAnswer, QuotaReport } from './quota-reports.ts';
import { type Count, QuotaTable } from './quota-table.ts';
import { rateLimitsOf } from './rate-limits.ts';

/** Says that the limit of a report is not known: the worker has another configuration. */
const UNKNOWN = -1;

/** What a worker has announced of one key. It is taken away where it was added, since keys that share a count may have one of their own later. */
interface Announced {
  readonly count: Count;
  tokens: number;
}

/** What the streams of one worker have announced, by key, and has not come. There are no more of them than streams. */
type AnnouncedKeys = Map<string, Announced>;

interface LedgerLimit {
  readonly table: QuotaTable;
  /** By worker. */
  readonly announced: Map<object, AnnouncedKeys>;
}

export class QuotaLedger {
  readonly #now: () => number;
  readonly #most: number | undefined;
  readonly #limits = new Map<string, LedgerLimit>();

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now(), most?: number) {
    this.#now = now;
    this.#most = most;
  }

  /** Counts for the limits of this configuration from now on. */
  use(routes: readonly RouteConfig[]): void {
    const limits = new Map(routes.flatMap(rateLimitsOf).map((limit) => [limit.id, limit]));
    for (const id of this.#limits.keys()) if (!limits.has(id)) this.#limits.delete(id);
    for (const [id, { allowance }] of limits) {
      const known = this.#limits.get(id);
      if (known !== undefined) known.table.change(allowance);
      else {
        const table = new QuotaTable({ allowance, now: this.#now, most: this.#most });
        this.#limits.set(id, { table, announced: new Map() });
      }
    }
  }

  /** A report of which the lists do not fit together adds nothing. @param worker whose report it is */
  add(
    worker: object,
    { report, limits, keys, clients, counts, goneBack, announced }: QuotaReport,
  ): QuotaAnswer {
    const answer = {
      report,
      used: new Float64Array(limits.length).fill(UNKNOWN),
      announced: new Float64Array(limits.length),
    };
    if ([keys, clients, counts, goneBack, announced].some(({ length }) => length !== limits.length))
      return answer;
    for (const [index, id] of limits.entries()) {
      const limit = this.#limits.get(id);
      if (limit === undefined) continue;
      const use = { more: counts[index], goneBack: Math.max(0, goneBack[index]) };
      const count = limit.table.addPast(keys[index], clients[index], use);
      if (announced[index] !== 0) announce(limit, worker, keys[index], { count, tokens: announced[index] });
      answer.used[index] = count.used;
      answer.announced[index] = count.announced;
    }
    return answer;
  }

  /** The worker has ended: nothing that its streams have announced comes any more. */
  forget(worker: object): void {
    for (const { table, announced } of this.#limits.values()) {
      for (const { count, tokens } of announced.get(worker)?.values() ?? []) table.announce(count, -tokens);
      announced.delete(worker);
    }
  }
}

function announce(
  { table, announced }: LedgerLimit,
  worker: object,
  key: string,
  { count, tokens }: Announced,
): void {
  const known = announced.get(worker) ?? new Map<string, Announced>();
  announced.set(worker, known);
  const before = known.get(key) ?? { count, tokens: 0 };
  // Of a limit that was unknown for a while, more may end than has begun.
  const more = Math.max(-before.tokens, tokens);
  table.announce(before.count, more);
  before.tokens += more;
  if (before.tokens > 0) known.set(key, before);
  else known.delete(key);
}
