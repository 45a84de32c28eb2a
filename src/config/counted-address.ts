// Whom an address stands for, where clients are counted by address: one host has one IPv4 address, and every IPv6 address of
// its network. The home of ipaddr.js, which reads the ways to write an IPv6 address.

import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** No address is longer (RFC 4291 section 2.2, form 3), but for the zone behind it. */
const LONGEST_IPV6 = 45;
/** Node puts it before the address of an IPv4 client of a listener on [::]: a connection of that kind need not be parsed. */
const MAPPED = '::ffff:';

/** An IPv4 address as it is, an IPv6 one as its network of 64 bits: '2001:db8:0:1::/64'. What is no address stands for itself. */
export function countedAddress(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : '';
  if (isIPv4(mapped)) return mapped;
  return networkOf(address.split('%', 1)[0]) ?? address;
}

function networkOf(address: string): string | undefined {
  if (address.length > LONGEST_IPV6) return undefined;
  try {
    const parsed = ipaddr.IPv6.parse(address);
    if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
    // Four groups of 16 bits are the network: one host may use every address in it.
    const groups = parsed.parts.slice(0, 4).map((group) => group.toString(16));
    return `${groups.join(':')}::/64`;
  } catch {
    return undefined;
  }
}
