// An admin server to ask: where it is, and what it wants from who asks.

import type { Address } from '../config/address.ts';
import { readAdminToken } from '../config/admin-token.ts';
import type { Config } from '../config/config.ts';

/** An admin server to ask. */
export interface AdminTarget {
  readonly address: Address;
  /** The token that the server may want. */
  readonly token?: string | undefined;
  /** Why there is no token, although one is configured. */
  readonly tokenFault?: string | undefined;
}

/** @returns the admin server of a configuration, with its token if this process may read it */
export function adminTargetOf({ admin }: Pick<Config, 'admin'>): AdminTarget | undefined {
  if (admin === undefined) return undefined;
  const { address, token: source } = admin;
  if (source === undefined) return { address };
  const read = readAdminToken(source);
  return 'token' in read ? { address, token: read.token } : { address, tokenFault: read.message };
}

/** A server that is bound to all addresses is reached by loopback. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** @returns a sentence about an answer 401 */
export function describeUnauthorized({ address, token, tokenFault }: AdminTarget): string {
  if (token !== undefined)
    return `${address.text} does not accept the token: has it changed since the proxy read it (admin.token)?`;
  const why =
    tokenFault === undefined ? 'name its configuration with -c, or give --token-file FILE' : tokenFault;
  return `${address.text} wants its token (admin.token): ${why}`;
}

/** @returns the options of a request that name its server */
export function whereOf(
  address: Address,
): { readonly socketPath: string } | { readonly host: string; readonly port: number } {
  return address.kind === 'unix'
    ? { socketPath: address.path }
    : { host: reachableHost(address.host), port: address.port };
}
