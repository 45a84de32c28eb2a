// All that the page knows of the proxy. Messages of the feed go in, and those who show it are told when it has changed.

import type {
  DashboardFacts,
  DashboardFigures,
  DashboardMessage,
  DashboardOpening,
  RouteFigures,
} from '../../src/admin/dashboard-figures.ts';
import type { FeedListener, FeedState } from '../feed/figures-feed.ts';
import { TotalsSeries } from './totals-series.ts';

/** Rates are those of the last ten seconds, latencies those of the last minute. */
export const RATE_MS = 10_000;
export const LATENCY_MS = 60_000;

interface TimedFigures {
  readonly atEpochMs: number;
  readonly figures: DashboardFigures;
}

export class ProxyModel implements FeedListener {
  feed: FeedState = { kind: 'connecting' };
  opening: DashboardOpening | undefined = undefined;
  figures: DashboardFigures | undefined = undefined;
  facts: Omit<DashboardFacts, 'event'> = {};
  readonly totals = new TotalsSeries();
  /** When the proxy was started anew while the page was open. */
  restartedAtEpochMs: number | undefined = undefined;
  /** Whether the last thing known of the proxy is that it drains. */
  wasDraining = false;
  isPaused = false;
  #recent: TimedFigures[] = [];
  readonly #readers = new Set<() => void>();

  /** @returns ends the subscription */
  subscribe(reader: () => void): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  message(message: DashboardMessage): void {
    switch (message.event) {
      case 'open':
        this.#open(message);
        break;
      case 'figures':
        this.#takeFigures(message);
        break;
      case 'facts':
        this.#takeFacts(message);
        break;
      case 'closing':
        break;
    }
    if (!this.isPaused) this.#tell();
  }

  state(state: FeedState): void {
    this.feed = state;
    this.#tell();
  }

  /** While it is paused, figures are still taken, so that no gap remains. */
  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    this.#tell();
  }

  /** @returns the figures that are at least so old, or the oldest there are */
  before(ageMs: number): TimedFigures | undefined {
    const last = this.#recent.at(-1);
    if (last === undefined) return undefined;
    return this.#recent.findLast(({ atEpochMs }) => atEpochMs <= last.atEpochMs - ageMs) ?? this.#recent[0];
  }

  #open(opening: DashboardOpening): void {
    const isAnother =
      this.opening !== undefined && this.opening.startedAtEpochMs !== opening.startedAtEpochMs;
    if (isAnother) this.restartedAtEpochMs = opening.startedAtEpochMs;
    this.opening = opening;
    this.totals.begin(opening.history);
    // The counters of before are of no use if others have begun, and a gap would give wrong rates.
    this.#recent = [];
    this.wasDraining = false;
  }

  #takeFigures(figures: DashboardFigures): void {
    this.figures = figures;
    this.wasDraining = figures.whyNotReady === 'draining';
    this.totals.add(figures.totals);
    const { atEpochMs } = figures.totals;
    this.#recent.push({ atEpochMs, figures });
    const first = this.#recent.findIndex((one) => one.atEpochMs >= atEpochMs - LATENCY_MS);
    if (first > 1) this.#recent.splice(0, first - 1);
  }

  /** Sections that the message does not have stay as they are. */
  #takeFacts({ event: _event, ...facts }: DashboardFacts): void {
    this.facts = { ...this.facts, ...facts };
  }

  #tell(): void {
    for (const reader of this.#readers) reader();
  }
}

/** By name, for comparisons with an earlier moment. */
export function routesByName(figures: DashboardFigures | undefined): ReadonlyMap<string, RouteFigures> {
  return new Map(figures?.routes.map((route) => [route.route, route]));
}
