// The totals of the last ten minutes, so that a dashboard that opens shows what was before. Each point is one small array of numbers.

import type { DashboardTotals } from '../admin/dashboard-figures.ts';
import { TOTALS_LAYOUT } from '../observability/figure-layouts.ts';
import type { FigureTable } from '../observability/figure-table.ts';

const KEPT_MS = 600_000;
/** As many as there are with one each second. */
const MOST_POINTS = 600;

interface Point {
  readonly atEpochMs: number;
  readonly totals: FigureTable;
}

export class DashboardHistory {
  #points: Point[] = [];

  /** @param totals as TOTALS_LAYOUT has them */
  add(atEpochMs: number, totals: FigureTable): void {
    // The clock of the machine may be set back: a chart cannot show that.
    this.#points = this.#points.filter(
      (point) => point.atEpochMs < atEpochMs && point.atEpochMs > atEpochMs - KEPT_MS,
    );
    this.#points.push({ atEpochMs, totals });
    if (this.#points.length > MOST_POINTS) this.#points.shift();
  }

  /** @returns the oldest first */
  get points(): readonly DashboardTotals[] {
    return this.#points.map(({ atEpochMs, totals }) => describeTotals(atEpochMs, totals));
  }
}

/** @param totals as TOTALS_LAYOUT has them */
export function describeTotals(atEpochMs: number, totals: FigureTable): DashboardTotals {
  const read = (column: Parameters<typeof TOTALS_LAYOUT.at>[0]): number =>
    TOTALS_LAYOUT.read(totals, 0, column);
  const outcomes = {
    ok: read('ok'),
    cancelled: read('cancelled'),
    clientFault: read('clientFault'),
    failed: read('failed'),
  };
  const inFlight = read('inFlight');
  return {
    atEpochMs,
    ...outcomes,
    started: outcomes.ok + outcomes.cancelled + outcomes.clientFault + outcomes.failed + inFlight,
    inFlight,
    requestBytes: read('requestBytes'),
    responseBytes: read('responseBytes'),
    requestMessages: read('requestMessages'),
    responseMessages: read('responseMessages'),
    refusedClients: read('refusedClients'),
    connections: read('connections'),
    durations: TOTALS_LAYOUT.readAll(totals, 0, 'durations'),
    firstMessages: TOTALS_LAYOUT.readAll(totals, 0, 'firstMessages'),
    cpuSeconds: Math.round(read('cpuSeconds') * 1000) / 1000,
    memoryBytes: read('memoryBytes'),
    eventLoopDelayP99Ms: read('eventLoopDelayP99Ms'),
  };
}
