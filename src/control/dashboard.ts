// Feeds the dashboard: it collects the figures of all processes once a second for all readers together, and keeps the totals of the last minutes.
// While nobody looks, it asks for the totals alone, every few seconds, and without an admin server for nothing.

import type { DashboardOpening } from '../admin/dashboard-figures.ts';
import {
  type DashboardFrame,
  type DashboardSink,
  type DashboardSubscription,
  MOST_DASHBOARD_READERS,
} from '../admin/dashboard-stream.ts';
import { BOUNDS_MS } from '../observability/histogram.ts';
import type { Logger } from '../observability/logger.ts';
import { Pace } from '../observability/pace.ts';
import { packageVersion } from '../observability/package-version.ts';
import { LineBudget } from '../plane/line-budget.ts';
import type { Plane } from '../plane/plane.ts';
import type { CurrentConfig } from './config-report.ts';
import { DashboardFactSheet, type FactSources } from './dashboard-facts.ts';
import { figuresText } from './dashboard-frame.ts';
import { DashboardHistory } from './dashboard-history.ts';
import { EndpointHistory } from './endpoint-history.ts';

const COLLECT_EVERY_MS = 1000;
const COLLECT_UNWATCHED_EVERY_MS = 5000;
/** From the end of a collection to the next one: readers that come and go, and processes that answer late, do not make it collect all the time. */
const PAUSE_MS = 200;

export interface DashboardParts extends Pick<FactSources, 'warnings' | 'reloads' | 'healthOf' | 'diagnoses'> {
  readonly plane: Pick<Plane, 'totals' | 'figures' | 'tlsUsers' | 'watchEndpoints'>;
  readonly current: CurrentConfig;
  /** Why the proxy takes no calls. Undefined if it does. */
  readonly whyNotReady: () => string | undefined;
  readonly logger: Logger;
}

export class Dashboard {
  readonly #parts: DashboardParts;
  readonly #facts: DashboardFactSheet;
  readonly #history = new DashboardHistory();
  readonly #readers = new Set<DashboardSink>();
  readonly #faults = new LineBudget(1);
  #current: CurrentConfig;
  /** The newest frame. Undefined while nobody looks. */
  #frame: DashboardFrame | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #endedMs = Number.NEGATIVE_INFINITY;
  #isOn = false;
  #isCollecting = false;

  constructor(parts: DashboardParts) {
    this.#parts = parts;
    this.#current = parts.current;
    const { plane, warnings, reloads, healthOf, diagnoses } = parts;
    const history = new EndpointHistory();
    plane.watchEndpoints((carrier, changes) => history.note(carrier, changes));
    const tlsUsers = () => plane.tlsUsers;
    this.#facts = new DashboardFactSheet(
      { warnings, reloads, healthOf, tlsUsers, diagnoses, history, onFault: (error) => this.#fault(error) },
      parts.current,
    );
  }

  /** A configuration was put to use. */
  use(current: CurrentConfig): void {
    this.#current = current;
    this.#facts.use(current);
    this.#isOn = current.config.admin !== undefined;
    if (this.#isOn) this.#schedule(0);
    else this.#stop();
  }

  /** @returns undefined if there are as many readers as there may be */
  subscribe(sink: DashboardSink): DashboardSubscription | undefined {
    if (this.#readers.size >= MOST_DASHBOARD_READERS) return undefined;
    this.#readers.add(sink);
    if (this.#frame === undefined) this.#schedule(0);
    const opening: DashboardOpening = {
      event: 'open',
      startedAtEpochMs: Math.round(performance.timeOrigin),
      version: packageVersion(),
      everyMs: COLLECT_EVERY_MS,
      bucketBoundsMs: [...BOUNDS_MS],
      history: this.#history.points,
    };
    return {
      opening: JSON.stringify(opening),
      frame: this.#frame,
      close: () => {
        this.#readers.delete(sink);
        if (this.#readers.size === 0) this.#frame = undefined;
      },
    };
  }

  close(): void {
    this.#isOn = false;
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(afterMs: number): void {
    // The collection that is under way plans the next one.
    if (!this.#isOn || this.#isCollecting) return;
    this.#stop();
    const pauseMs = this.#endedMs + PAUSE_MS - performance.now();
    this.#timer = setTimeout(
      () => {
        void this.#run();
      },
      Math.max(afterMs, pauseMs, 0),
    ).unref();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const beganMs = performance.now();
    this.#isCollecting = true;
    try {
      await (this.#readers.size === 0 ? this.#collectTotals() : this.#collectFrame());
    } catch (error) {
      this.#fault(error);
    }
    this.#isCollecting = false;
    this.#endedMs = performance.now();
    const everyMs = this.#readers.size === 0 ? COLLECT_UNWATCHED_EVERY_MS : COLLECT_EVERY_MS;
    // Somebody who has come meanwhile has nothing to look at yet.
    const isAwaited = this.#readers.size > 0 && this.#frame === undefined;
    this.#schedule(isAwaited ? 0 : beganMs + everyMs - this.#endedMs);
  }

  #fault(err: unknown): void {
    if (this.#faults.spend('') !== undefined)
      this.#parts.logger.error(
        { err },
        'internal error: the dashboard does not get all figures; please report this',
      );
  }

  async #collectTotals(): Promise<void> {
    const totals = await this.#parts.plane.totals();
    this.#history.add(Date.now(), totals);
  }

  async #collectFrame(): Promise<void> {
    const { plane, whyNotReady } = this.#parts;
    const report = await plane.figures();
    const atEpochMs = Date.now();
    this.#history.add(atEpochMs, report.totals);
    const { epoch, config } = this.#current;
    const figures = await figuresText(
      { report, atEpochMs, epoch, config, whyNotReady: whyNotReady() },
      new Pace(),
    );
    const facts = await this.#facts.look(report);
    if (this.#readers.size === 0) return;
    this.#frame = { figures, facts };
    for (const reader of this.#readers) reader(this.#frame);
  }
}
