// Checks that the Host header of a request names the admin server. A web page whose own name resolves to 127.0.0.1 (DNS rebinding)
// sends that name, so a name is accepted only if it is localhost or the address in the configuration.

import { isIP } from 'node:net';
import type { Address } from '../config/address.ts';

/** Accepts every Host on a Unix socket, which no web page can reach. */
export function isAdminHost(host: string | undefined, address: Address): boolean {
  if (address.kind === 'unix') return true;
  // HTTP/1.0 requests have no Host, and no browser sends them.
  if (host === undefined) return true;
  const name = hostName(host);
  return isIP(name) !== 0 || name === 'localhost' || name === address.host.toLowerCase();
}

/** @returns the host without port, brackets and trailing dot: '[::1]:9901' gives '::1', 'Localhost.:80' gives 'localhost' */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  if (bracketed !== null) return bracketed[1];
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}
