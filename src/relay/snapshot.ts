// Everything built from one version of the configuration that an exchange needs. An exchange stays on the snapshot it
// began with.

import type { Http1Target } from '../calls/http1-target.ts';
import type { LimitsConfig } from '../config/config.ts';
import type { RouteTable } from '../routing/route-table.ts';
import type { Upstream } from '../upstreams/upstream.ts';

/** Where routes lead; told apart by `protocol`. */
export type CallTarget = Upstream | Http1Target;

export interface Snapshot {
  /** Counts the configurations of this process: 1, 2, … */
  readonly epoch: number;
  readonly routes: RouteTable;
  readonly upstreams: ReadonlyMap<string, CallTarget>;
  readonly limits: LimitsConfig;
}
