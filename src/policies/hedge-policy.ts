// The `hedge` of a route: unary gRPC calls have further attempts while the first one runs, as gRPC proposal A6 has it.

import type { Policy } from '../calls/policy.ts';
import type { HedgePolicy, RetryPolicy } from '../calls/retry-policy.ts';
import type { HedgeConfig, RouteConfig } from '../config/route-config.ts';

/** How large the request of a call with several attempts may be: as large as with `retry`. */
const REPLAY_BYTES = 64 * 1024;
/** A6 takes the attempt whose header comes first. Here the header waits so long for a message, or for a status that is to be ignored. */
const HOLD_MS = 50;

export class ConfiguredHedges implements RetryPolicy {
  readonly replayBytes = REPLAY_BYTES;
  readonly holdMs = HOLD_MS;
  readonly hedge: HedgePolicy;

  constructor({ attempts, delayMs, on }: HedgeConfig) {
    const nonFatal = new Set(on);
    this.hedge = { attempts, delayMs, isFatal: (grpcStatus) => !nonFatal.has(grpcStatus) };
  }

  /** Before hedging has begun, a call that has failed is not sent again. */
  verdict(): number {
    return -1;
  }
}

/** @returns undefined if the route has no `hedge` */
export function hedgePolicy(route: RouteConfig | undefined): Policy | undefined {
  if (route?.hedge === undefined) return undefined;
  // Further attempts say how many there were before, those of the client included.
  const adds = ['grpc-previous-rpc-attempts'];
  return { key: 'hedge', adds, retry: new ConfiguredHedges(route.hedge) };
}
