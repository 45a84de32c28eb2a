// Finds the addresses at which clients on this machine reach the listeners of a configuration.

import type { ListenAddress } from '../src/config/address.ts';
import type { Config, ListenerConfig } from '../src/config/config.ts';

/** Addresses as 'host:port' or 'unix:/path'. Undefined means that the configuration has none. */
export interface ReachableAddresses {
  /** The address of the first listener with TLS. */
  readonly tls: string | undefined;
  /** The address of the first listener without TLS. */
  readonly cleartext: string | undefined;
  readonly admin: string | undefined;
}

export function reachableAddresses(config: Config): ReachableAddresses {
  const first = (matches: (listener: ListenerConfig) => boolean) => {
    const listener = config.listeners.find(matches);
    return listener === undefined ? undefined : reachable(listener.address, listener.tls !== undefined);
  };
  return {
    tls: first((listener) => listener.tls !== undefined),
    cleartext: first((listener) => listener.tls === undefined),
    admin: config.admin === undefined ? undefined : reachable(config.admin.address, false),
  };
}

/** Replaces a wildcard address, which is not a destination. With TLS the name must be one that the certificate contains. */
function reachable(address: ListenAddress, isTls: boolean): string | undefined {
  if (address.kind === 'systemd') return undefined;
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host, port } = address;
  const isEverywhere = host === '0.0.0.0' || host === '::' || host === '';
  if (isEverywhere) return `${isTls ? 'localhost' : '127.0.0.1'}:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
