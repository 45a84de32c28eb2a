// What the gRPC services on the admin port show of a running proxy.

import type { RpcState } from '../admin/rpc/rpc-state.ts';
import type { Config } from '../config/config.ts';
import type { Plane } from '../plane/plane.ts';
import { Channelz } from './channelz.ts';
import { namesUsing, usableNames } from './health-names.ts';

/** @param config returns the configuration in force */
export function rpcState(plane: Plane, config: () => Config): RpcState {
  return {
    services: () => usableNames(plane, config),
    namesUsing: (upstream) => namesUsing(upstream, config()),
    channelz: new Channelz(plane, config),
  };
}
