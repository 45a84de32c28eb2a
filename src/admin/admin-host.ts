// Does the Host header of a request to the admin server name this server? A web page that has its own name resolve to
// 127.0.0.1 (DNS rebinding) sends that name; so a name is never believed, unless the config chose it as the address.

import { isIP } from 'node:net';
import type { Address } from '../config/config.ts';

/** Over a unix socket, to which no web page can speak, every Host is right. */
export function isAdminHost(host: string | undefined, address: Address): boolean {
  if (address.kind === 'unix') return true;
  // HTTP/1.0 has no Host. No browser speaks that.
  if (host === undefined) return true;
  const name = hostName(host);
  return isIP(name) !== 0 || name === 'localhost' || name === address.host.toLowerCase();
}

/** The host without port, brackets and the root's dot: '[::1]:9901' is '::1', 'Localhost.:80' is 'localhost'. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  if (bracketed !== null) return bracketed[1];
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}
