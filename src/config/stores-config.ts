// The resolved form of `stores`, a part of the configuration: where limits that several machines share are counted.

import type { SecretSource } from './secret-source.ts';

export interface StoreServer {
  readonly host: string;
  readonly port: number;
}

export interface StoreConfig {
  readonly name: string;
  /** One server; some nodes of a cluster; or the sentinels. */
  readonly servers: readonly StoreServer[];
  readonly kind: 'server' | 'cluster' | 'sentinel';
  /** The name under which sentinels know the server. Only with `sentinel`. */
  readonly master: string | undefined;
  /** Undefined means plaintext. */
  readonly tls: StoreTls | undefined;
  readonly user: string | undefined;
  /** Is read when the store is put to use, and at each reload. */
  readonly password: SecretSource | undefined;
  readonly database: number;
  /** Before all keys. */
  readonly prefix: string;
  /** What counts while the store does not answer. */
  readonly failure: 'local' | 'open' | 'closed';
}

export interface StoreTls {
  /** The file of the authorities. Undefined means those that Node trusts. */
  readonly ca: string | undefined;
}
