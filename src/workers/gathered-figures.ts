// Asks all workers for the figures of the dashboard, and adds them up. What is counted never goes back: a worker that does not answer in time
// counts with its last answer, and what one has counted stays when it has ended.

import {
  ENDPOINT_LAYOUT,
  ROUTE_LAYOUT,
  TOTALS_LAYOUT,
  UPSTREAM_LAYOUT,
} from '../observability/figure-layouts.ts';
import { EMPTY_TABLE, type FigureTable } from '../observability/figure-table.ts';
import type { PlaneFigures, ProcessState, SaidOfEndpoint } from '../plane/process-figures.ts';
import type { Answers } from './messages.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What is known of a worker. */
type LastFigures = Pick<Answers, 'totals'> & Partial<Pick<Answers, 'figures'>>;

type Asked = Pick<WorkerProcess, 'number' | 'ask'>;

/** What the primary knows of itself. */
export interface OwnFigures {
  readonly totals: FigureTable;
  readonly process: ProcessState;
}

export interface SummedFigures extends PlaneFigures {
  readonly unanswered?: readonly number[];
}

export class GatheredFigures {
  readonly #workers: () => readonly Asked[];
  readonly #own: () => OwnFigures;
  readonly #last = new Map<Asked, LastFigures>();
  #endedTotals: FigureTable = EMPTY_TABLE;
  #endedRoutes: FigureTable = EMPTY_TABLE;
  #endedEndpoints: FigureTable = EMPTY_TABLE;

  /** @param workers returns the workers that can be asked */
  constructor(workers: () => readonly Asked[], own: () => OwnFigures) {
    this.#workers = workers;
    this.#own = own;
  }

  async totals(): Promise<FigureTable> {
    const asked = this.#workers();
    await Promise.all(
      asked.map(async (worker) => {
        const totals = await worker.ask('totals');
        if (totals !== undefined) this.#last.set(worker, { ...this.#last.get(worker), totals });
      }),
    );
    return this.#sumOfTotals(this.#stillThere(asked));
  }

  async figures(): Promise<SummedFigures> {
    const unanswered: number[] = [];
    const asked = this.#workers();
    await Promise.all(
      asked.map(async (worker) => {
        const figures = await worker.ask('figures');
        if (figures === undefined) unanswered.push(worker.number);
        else this.#last.set(worker, { totals: figures.totals, figures });
      }),
    );
    const there = this.#stillThere(asked);
    const parts = there.flatMap((worker) => this.#last.get(worker)?.figures ?? []);
    const endpoints = ENDPOINT_LAYOUT.combine(parts.map((part) => part.endpoints));
    const known = new Set(endpoints.keys);
    return {
      totals: this.#sumOfTotals(there),
      routes: ROUTE_LAYOUT.combine([...parts.map(({ routes }) => routes), this.#endedRoutes]),
      endpoints: ENDPOINT_LAYOUT.combine([endpoints, ENDPOINT_LAYOUT.pick(this.#endedEndpoints, known)]),
      upstreams: UPSTREAM_LAYOUT.combine(parts.map(({ upstreams }) => upstreams)),
      said: mergeSaid(parts.flatMap(({ said }) => said)),
      epochs: mergeEpochs(parts.flatMap(({ epochs }) => epochs)),
      processes: [this.#own().process, ...parts.flatMap(({ processes }) => processes)],
      ...(unanswered.length === 0 ? {} : { unanswered }),
    };
  }

  /** Keeps the last answers of a worker that is about to end. */
  keep(worker: Asked, { figures }: Partial<Answers>): void {
    if (figures !== undefined) this.#last.set(worker, { totals: figures.totals, figures });
  }

  gone(worker: Asked): void {
    const last = this.#last.get(worker);
    this.#last.delete(worker);
    if (last === undefined) return;
    this.#endedTotals = ended(TOTALS_LAYOUT, this.#endedTotals, last.totals);
    const { figures } = last;
    if (figures === undefined) return;
    this.#endedRoutes = ended(ROUTE_LAYOUT, this.#endedRoutes, figures.routes);
    const all = ENDPOINT_LAYOUT.combine([
      this.#endedEndpoints,
      ENDPOINT_LAYOUT.countersOf(figures.endpoints),
    ]);
    // Sources may name other endpoints all the time. Of those that are known no more, nothing is kept.
    const known = new Set(figures.endpoints.keys);
    for (const { figures: other } of this.#last.values())
      for (const key of other?.endpoints.keys ?? []) known.add(key);
    this.#endedEndpoints = ENDPOINT_LAYOUT.pick(all, known);
  }

  /** Those that have ended while others were asked are counted already. */
  #stillThere(asked: readonly Asked[]): readonly Asked[] {
    return asked.filter((worker) => this.#last.has(worker));
  }

  #sumOfTotals(workers: readonly Asked[]): FigureTable {
    const ofWorkers = workers.flatMap((worker) => this.#last.get(worker)?.totals ?? []);
    return TOTALS_LAYOUT.combine([this.#own().totals, ...ofWorkers, this.#endedTotals]);
  }
}

/** Calls that ran in a process when it ended have failed with it, so that the number of calls that have begun stays what it was. */
function ended(
  layout: typeof TOTALS_LAYOUT | typeof ROUTE_LAYOUT,
  before: FigureTable,
  last: FigureTable,
): FigureTable {
  const counters = layout.countersOf(last);
  for (let row = 0; row < last.keys.length; row++)
    counters.values[row * layout.width + layout.at('failed')] += layout.read(last, row, 'inFlight');
  return layout.combine([before, counters]);
}

function mergeSaid(all: readonly SaidOfEndpoint[]): readonly SaidOfEndpoint[] {
  return [...Map.groupBy(all, ({ key }) => key)].map(([key, ofEndpoint]) => ({
    key,
    reasons: [
      ...Map.groupBy(
        ofEndpoint.flatMap(({ reasons }) => reasons),
        ({ by, token }) => `${by} ${token}`,
      ).values(),
    ].map(([first, ...others]) => ({
      ...first,
      sinceEpochMs: others.reduce(
        (least, { sinceEpochMs }) => earlier(least, sinceEpochMs),
        first.sinceEpochMs,
      ),
      processes: others.reduce((sum, { processes }) => sum + processes, first.processes),
    })),
  }));
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

function mergeEpochs(all: PlaneFigures['epochs']): PlaneFigures['epochs'] {
  const calls = new Map<number, number>();
  for (const one of all) calls.set(one.epoch, (calls.get(one.epoch) ?? 0) + one.calls);
  return Array.from(calls, ([epoch, sum]) => ({ epoch, calls: sum }));
}
