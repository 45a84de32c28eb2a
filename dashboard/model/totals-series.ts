// The figures of the whole proxy over the last ten minutes, and what can be computed from them. Counters become rates here.

import type { DashboardTotals } from '../../src/admin/dashboard-figures.ts';

export const SHOWN_MS = 10 * 60_000;
/** A proxy that has just been started fills the charts nevertheless. */
const LEAST_SHOWN_MS = 60_000;

/** The figures that are counters and plain numbers. */
export type CounterName =
  | 'ok'
  | 'cancelled'
  | 'clientFault'
  | 'failed'
  | 'started'
  | 'requestBytes'
  | 'responseBytes'
  | 'requestMessages'
  | 'responseMessages'
  | 'refusedClients'
  | 'cpuSeconds';

export class TotalsSeries {
  #points: DashboardTotals[] = [];

  get points(): readonly DashboardTotals[] {
    return this.#points;
  }

  get last(): DashboardTotals | undefined {
    return this.#points.at(-1);
  }

  /** Takes the place of everything before. */
  begin(history: readonly DashboardTotals[]): void {
    this.#points = [];
    for (const point of history) this.add(point);
  }

  /** A point that is not later than the last one is left out. */
  add(point: DashboardTotals): void {
    const { last } = this;
    if (last !== undefined && point.atEpochMs <= last.atEpochMs) return;
    this.#points.push(point);
    // One more than is shown, from which the first rate is computed.
    const first = this.#points.findIndex(({ atEpochMs }) => atEpochMs >= point.atEpochMs - SHOWN_MS);
    if (first > 1) this.#points.splice(0, first - 1);
  }

  /** The time that charts show: what is known, from a minute to ten. */
  get shownMs(): number {
    const knownMs = (this.last?.atEpochMs ?? 0) - (this.#points[0]?.atEpochMs ?? 0);
    return Math.min(SHOWN_MS, Math.max(LEAST_SHOWN_MS, knownMs));
  }

  /** @returns the newest point that is at least so old, or the oldest one there is */
  before(ageMs: number): DashboardTotals | undefined {
    const { last } = this;
    if (last === undefined) return undefined;
    return this.#points.findLast(({ atEpochMs }) => atEpochMs <= last.atEpochMs - ageMs) ?? this.#points[0];
  }

  /** @returns by how much the counter has risen per second over the last so many milliseconds; 0 if that is not known */
  rate(name: CounterName, overMs: number): number {
    return rateBetween(this.before(overMs), this.last, name);
  }
}

export function rateBetween(
  before: DashboardTotals | undefined,
  after: DashboardTotals | undefined,
  name: CounterName,
): number {
  if (before === undefined || after === undefined) return 0;
  const seconds = (after.atEpochMs - before.atEpochMs) / 1000;
  return seconds <= 0 ? 0 : Math.max(0, after[name] - before[name]) / seconds;
}

/** What a chart draws: the times in seconds since 1970, then the rates of each counter at these times. */
export function ratesOverTime(points: readonly DashboardTotals[], names: readonly CounterName[]): number[][] {
  const times: number[] = [];
  const rates: number[][] = names.map(() => []);
  for (const [index, point] of points.entries()) {
    if (index === 0) continue;
    times.push(point.atEpochMs / 1000);
    for (const [at, name] of names.entries()) rates[at].push(rateBetween(points[index - 1], point, name));
  }
  return [times, ...rates];
}
