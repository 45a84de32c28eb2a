// A store of shared limits as `stores` names one, for tests that care for a part of it.

import type { StoreConfig } from '../../src/config/stores-config.ts';

export function storeConfig(more: Partial<StoreConfig> = {}): StoreConfig {
  return {
    name: 'fleet',
    servers: [{ host: '127.0.0.1', port: 1 }],
    kind: 'server',
    master: undefined,
    tls: undefined,
    user: undefined,
    password: undefined,
    database: 0,
    prefix: 'framegate',
    failure: 'local',
    ...more,
  };
}
