// What an admin server shows, for tests that ask for a part of it: the rest is not asked for.

import type { AdminState } from '../../src/admin/admin-pages.ts';

const unused = (): never => {
  throw new Error('the test does not expect this question');
};

export function adminStateWith(asked: Partial<AdminState>): AdminState {
  return {
    readiness: unused,
    diagnoses: unused,
    metrics: unused,
    config: unused,
    upstreams: { list: unused, read: unused, write: unused, withdraw: unused },
    exchanges: unused,
    subscribe: unused,
    dashboard: unused,
    reload: unused,
    drain: unused,
    logLevel: { read: unused, write: unused },
    rpc: {
      services: unused,
      namesUsing: unused,
      channelz: { channels: unused, servers: unused, sockets: unused },
    },
    ...asked,
  };
}
