// What the gRPC services of the admin server show, beside readiness.

import type { ChannelzState } from './channelz-state.ts';

export interface RpcState {
  /**
   * Whether there is an endpoint for the calls of each service and upstream that the configuration names, by that name.
   * @param out upstreams that count as without one. It is read when everything else is known.
   */
  services(out: ReadonlySet<string>): Promise<ReadonlyMap<string, boolean>>;
  readonly channelz: ChannelzState;
}
