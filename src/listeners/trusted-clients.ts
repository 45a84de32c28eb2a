// Decides which peers are trusted to name their clients (x-forwarded-*, x-request-id), by matching an address against CIDR
// ranges. By default no peer is trusted.

import { BlockList, isIP } from 'node:net';

/**
 * The entry and the address for all clients of a unix socket, as in nginx's set_real_ip_from. The permissions of the socket's
 * file protect it.
 */
export const UNIX_CLIENT = 'unix:';

export type TrustedClients = (address: string) => boolean;

/** Compiles entries such as `10.0.0.0/8`, `fd00::/8`, a bare address, or `unix:`. Throws for anything else. */
export function compileTrustedClients(entries: readonly string[]): TrustedClients {
  if (entries.length === 0) return () => false;
  const addresses = new BlockList();
  for (const entry of entries) {
    if (entry !== UNIX_CLIENT) addSubnet(addresses, entry);
  }
  const trustsUnix = entries.includes(UNIX_CLIENT);
  return (address) => {
    const family = isIP(address);
    if (family === 0) return trustsUnix && address === UNIX_CLIENT;
    return addresses.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}

function addSubnet(addresses: BlockList, entry: string): void {
  const [address, prefix, ...rest] = entry.split('/');
  const family = isIP(address);
  const longest = family === 6 ? 128 : 32;
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= longest);
  if (family === 0 || rest.length > 0 || !isPrefix) {
    throw new Error(`'${entry}' is not an address range; write it like 10.0.0.0/8 or fd00::/8`);
  }
  addresses.addSubnet(
    address,
    prefix === undefined ? longest : Number(prefix),
    family === 6 ? 'ipv6' : 'ipv4',
  );
}
