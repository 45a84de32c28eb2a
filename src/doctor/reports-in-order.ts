// Tells of reports in the order of the plan, however the checks end, and says which check is waited for.

import type { CheckReport } from './check.ts';

export interface ReportEvents {
  /** Called in the order of the plan, and once more, at once, for a check whose verdict has changed since. */
  onReport(report: CheckReport): void;
  /** The check that is waited for has changed, or time has passed. */
  onProgress?(title: string, elapsedMs: number): void;
}

const PROGRESS_EVERY_MS = 200;

export class ReportsInOrder {
  readonly #events: ReportEvents;
  readonly #startedAtMs = performance.now();
  #plan: readonly Pick<CheckReport, 'id' | 'title'>[] = [];
  readonly #reports = new Map<string, CheckReport>();
  /** How many checks of the plan were told. */
  #told = 0;
  readonly #toldIds = new Set<string>();
  readonly #progress: NodeJS.Timeout | undefined;

  constructor(events: ReportEvents) {
    this.#events = events;
    if (events.onProgress !== undefined)
      this.#progress = setInterval(() => this.#tellProgress(), PROGRESS_EVERY_MS);
  }

  /** Must come before the reports. */
  follow(plan: readonly Pick<CheckReport, 'id' | 'title'>[]): void {
    this.#plan = plan;
  }

  add(report: CheckReport): void {
    const known = this.#reports.get(report.id);
    this.#reports.set(report.id, report);
    if (this.#toldIds.has(report.id)) {
      if (known?.verdict !== report.verdict) this.#events.onReport(report);
      return;
    }
    while (this.#told < this.#plan.length) {
      const next = this.#reports.get(this.#plan[this.#told].id);
      if (next === undefined) return;
      this.#told++;
      this.#toldIds.add(next.id);
      this.#events.onReport(next);
    }
  }

  /** Tells of no progress any more. */
  end(): void {
    clearInterval(this.#progress);
  }

  #tellProgress(): void {
    const awaited = this.#plan[this.#told];
    if (awaited !== undefined)
      this.#events.onProgress?.(awaited.title, performance.now() - this.#startedAtMs);
  }
}
