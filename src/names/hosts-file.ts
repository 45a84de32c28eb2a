// What /etc/hosts says of a name. Nothing is cached: the file is small, and read when a name is looked up, not for each call.

import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { readText } from './system-file.ts';

const LOOPBACK: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/** The addresses of a name in the /etc/hosts of this machine as it is now. Empty if the file does not name it. */
export function hostsFileAddresses(name: string): readonly LookupAddress[] {
  return addressesInHosts(readText('/etc/hosts'), name);
}

/**
 * The addresses of a name in /etc/hosts. `localhost` and names that end in it mean this machine (RFC 6761 section 6.3), with or
 * without a line.
 * @param text the contents of /etc/hosts
 */
export function addressesInHosts(text: string, name: string): readonly LookupAddress[] {
  const wanted = plainName(name);
  const found = text.split('\n').flatMap((line): readonly LookupAddress[] => {
    const [address = '', ...aliases] = line.split('#', 1)[0].trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0 || !aliases.some((alias) => plainName(alias) === wanted)) return [];
    return [{ address, family }];
  });
  if (found.length > 0) return found;
  return wanted === 'localhost' || wanted.endsWith('.localhost') ? LOOPBACK : [];
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
