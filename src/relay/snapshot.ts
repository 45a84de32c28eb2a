// What exchanges need from one version of the configuration. An exchange stays on the snapshot with which it began.

import type { CallTracing } from '../calls/call-tracing.ts';
import type { LimitsConfig } from '../config/config.ts';
import type { RouteTable } from '../routing/route-table.ts';
import type { Http1Endpoint } from '../upstreams/http1/http1-endpoint.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { Upstream } from '../upstreams/upstream.ts';
import type { CallPlans } from './call-plan.ts';

/** An endpoint that attempts are made at. The field `protocol` tells the two types apart. */
export type CallEndpoint = Http2Endpoint | Http1Endpoint;

/** The upstream of a route. */
export type CallTarget = Upstream<CallEndpoint>;

export interface Snapshot {
  /** The number of the configuration in this process: 1, 2, … */
  readonly epoch: number;
  readonly routes: RouteTable;
  readonly upstreams: ReadonlyMap<string, CallTarget>;
  /** The compiled policies of the routes. */
  readonly plans: CallPlans;
  readonly limits: LimitsConfig;
  /** Undefined if calls are not traced. */
  readonly tracing?: CallTracing | undefined;
}
