// The sockets of nginx that become one listener, with the servers behind them.

import type { Listen, Server } from './server-blocks.ts';

export interface ServerOfListener {
  readonly server: Server;
  readonly listen: Listen;
}

export interface ListenerGroup {
  readonly address: string;
  /** Unlike its address it stays when the port changes, so routes name the listener by it. */
  readonly name: string;
  /** Each server once. */
  readonly members: readonly ServerOfListener[];
  readonly listens: readonly Listen[];
  /** The one that answers for hosts that no other server has. */
  readonly defaultServer: Server;
  readonly isTls: boolean;
}
