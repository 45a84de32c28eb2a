// What is counted of stores: round trips, how long they take, and failures by their reason.

import { counterFamily, gaugeFamily, type MetricsSnapshot } from '../observability/metrics-snapshot.ts';

/** Reasons are codes, of which there are few; a hostile server cannot make up more. */
const MOST_REASONS = 64;

/** What is known of a store. */
export interface StoreFate {
  /** Whether it answers. Undefined until that is known for the first time. */
  readonly isUp: boolean | undefined;
  /** How many processes that carry calls share it. */
  readonly holders: number | undefined;
}

interface Counts {
  answered: number;
  failed: number;
  seconds: number;
  readonly reasons: Map<string, number>;
}

export class StoreCounts {
  readonly #stores = new Map<string, Counts>();

  /** Forgets the stores that the configuration does not name any more. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#stores.keys()) if (!names.has(name)) this.#stores.delete(name);
  }

  count(store: string, isAnswered: boolean, tookMs: number): void {
    const counts = this.#of(store);
    if (isAnswered) counts.answered++;
    else counts.failed++;
    counts.seconds += tookMs / 1000;
  }

  fail(store: string, reason: string): void {
    const { reasons } = this.#of(store);
    const counted = reasons.has(reason) || reasons.size < MOST_REASONS ? reason : 'other';
    reasons.set(counted, (reasons.get(counted) ?? 0) + 1);
  }

  #of(store: string): Counts {
    const known = this.#stores.get(store);
    if (known !== undefined) return known;
    const counts = { answered: 0, failed: 0, seconds: 0, reasons: new Map<string, number>() };
    this.#stores.set(store, counts);
    return counts;
  }

  /** @param fates of each store. Nothing is shown where there is none */
  metrics(fates: ReadonlyMap<string, StoreFate>): MetricsSnapshot {
    if (fates.size === 0) return [];
    const all = Array.from(fates.keys(), (store) => [store, this.#of(store)] as const);
    return [
      gaugeFamily(
        'framegate_store_up',
        'Whether the store of shared limits answers.',
        Array.from(fates, ([store, { isUp }]) => ({ labels: { store }, value: isUp === true ? 1 : 0 })),
      ),
      gaugeFamily(
        'framegate_store_processes',
        'How many processes that carry calls share the store, those of other proxies included, as it has said last.',
        Array.from(fates, ([store, { holders = 0 }]) => ({ labels: { store }, value: holders })),
      ),
      counterFamily(
        'framegate_store_round_trips_total',
        'Questions for leases to a store, answered or failed. One is about many calls.',
        all.flatMap(([store, { answered, failed }]) => [
          { labels: { store, result: 'answered' }, value: answered },
          { labels: { store, result: 'failed' }, value: failed },
        ]),
      ),
      counterFamily(
        'framegate_store_round_trip_seconds_total',
        'How long the questions for leases have taken, all together.',
        all.map(([store, { seconds }]) => ({ labels: { store }, value: seconds })),
      ),
      counterFamily(
        'framegate_store_errors_total',
        'How often a store became unreachable, or stayed so for another reason, by the reason.',
        all.flatMap(([store, { reasons }]) =>
          Array.from(reasons, ([reason, value]) => ({ labels: { store, reason }, value })),
        ),
      ),
    ];
  }
}
