// The resolved form of `stores`.

import type { ValidConfig } from './schema.ts';
import { sourceOf } from './secret-source.ts';
import type { StoreConfig } from './stores-config.ts';

type ValidStores = NonNullable<ValidConfig['stores']>;

/** @param beside resolves the name of a file against the folder of the configuration */
export function resolveStores(stores: ValidStores, beside: (file: string) => string): readonly StoreConfig[] {
  return Object.entries(stores).map(([name, store]) => resolveStore(name, store, beside));
}

function resolveStore(
  name: string,
  store: ValidStores[string],
  beside: (file: string) => string,
): StoreConfig {
  const { cluster, sentinel: master, user, password, database, prefix, failure, ca } = store;
  const servers = Array.isArray(store.redis) ? store.redis : [store.redis];
  const isTls = servers.some((server) => server.isTls);
  return {
    name,
    servers: servers.map(({ host, port }) => ({ host, port })),
    kind: cluster ? 'cluster' : master === undefined ? 'server' : 'sentinel',
    master,
    tls: isTls ? { ca: ca && beside(ca) } : undefined,
    user,
    password: password && sourceOf(password.file && beside(password.file), password.environment),
    database,
    prefix,
    failure,
  };
}
