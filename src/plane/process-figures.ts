// What processes say to each other for the dashboard, as plain data.

import type { FigureTable } from '../observability/figure-table.ts';
import type { ProcessUse } from '../observability/process-metrics.ts';
import type { OverloadReport } from './overload-guard.ts';
import type { NotUsed } from './upstream-report.ts';

/** Why an endpoint gets no calls. */
export interface SaidOfEndpoint {
  /** As `endpointKey` makes it. */
  readonly key: string;
  readonly reasons: readonly Omit<NotUsed, 'againInMs'>[];
}

/** A process of the proxy. What is undefined is not known, or of no meaning for it. */
export interface ProcessState extends Partial<ProcessUse> {
  readonly worker: number | undefined;
  readonly pid: number;
  readonly state: string;
  readonly epoch: number;
  readonly carries?: { readonly calls: number; readonly connections: number } | undefined;
  readonly eventLoopDelay?: OverloadReport['eventLoopDelay'] | undefined;
  readonly memory?:
    | (Partial<OverloadReport['memory']> & Pick<OverloadReport['memory'], 'usedBytes'>)
    | undefined;
}

export interface PlaneFigures {
  /** By TOTALS_LAYOUT, ROUTE_LAYOUT, ENDPOINT_LAYOUT and UPSTREAM_LAYOUT. */
  readonly totals: FigureTable;
  readonly routes: FigureTable;
  readonly endpoints: FigureTable;
  readonly upstreams: FigureTable;
  readonly said: readonly SaidOfEndpoint[];
  /** How many calls run with each configuration. */
  readonly epochs: readonly { readonly epoch: number; readonly calls: number }[];
  readonly processes: readonly ProcessState[];
}
