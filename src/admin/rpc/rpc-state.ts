// What the gRPC services of the admin server show, beside readiness.

import type { ChannelzState } from './channelz-state.ts';

export interface RpcState {
  /** Whether there is an endpoint for the calls of each service and upstream that the configuration names, by that name. */
  services(): Promise<ReadonlyMap<string, boolean>>;
  /** The names of the services that send calls to an upstream, and its own. */
  namesUsing(upstream: string): ReadonlySet<string>;
  readonly channelz: ChannelzState;
}
