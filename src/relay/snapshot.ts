// Everything built from one version of the configuration that an exchange needs. An exchange stays on the snapshot it
// began with.

import type { LimitsConfig } from '../config/config.ts';
import type { RouteTable } from '../routing/route-table.ts';
import type { Http1Endpoint } from '../upstreams/http1/http1-endpoint.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { Upstream } from '../upstreams/upstream.ts';
import type { CallPlans } from './call-plan.ts';

/** What attempts are made at; told apart by `protocol`. */
export type CallEndpoint = Http2Endpoint | Http1Endpoint;

/** Where routes lead. */
export type CallTarget = Upstream<CallEndpoint>;

export interface Snapshot {
  /** Counts the configurations of this process: 1, 2, … */
  readonly epoch: number;
  readonly routes: RouteTable;
  readonly upstreams: ReadonlyMap<string, CallTarget>;
  /** What the policies of routes have to say to their calls. */
  readonly plans: CallPlans;
  readonly limits: LimitsConfig;
}
