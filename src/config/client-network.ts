// Limits by address count one client as one network: a host has one IPv4 address, but can use every IPv6 address of its network. This file
// finds the network of an address, and the first address of a network. It is the home of ipaddr.js, which parses all ways to write an IPv6
// address.

import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The most characters of an IPv6 address without its zone (RFC 4291 section 2.2, form 3). */
const LONGEST_IPV6 = 45;
/** The prefix that Node puts before the address of an IPv4 client of a listener on [::]. Such an address need not be parsed. */
const MAPPED = '::ffff:';

/** @returns an IPv4 address unchanged, an IPv6 address as its /64 network, such as '2001:db8:0:1::/64', and any other text unchanged */
export function clientNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : '';
  if (isIPv4(mapped)) return mapped;
  return networkOf(address.split('%', 1)[0]) ?? address;
}

/**
 * Whether the key stands for many clients. Clients without an address, such as those of a unix socket, and clients of a trusted
 * peer that does not name them, have the key ''. They cannot be told apart and count as one.
 */
export function isKeyOfMany(key: string): boolean {
  return key === '';
}

function networkOf(address: string): string | undefined {
  if (address.length > LONGEST_IPV6) return undefined;
  try {
    const parsed = ipaddr.IPv6.parse(address);
    if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
    // The first four groups of 16 bits are the network, in which one host may use every address.
    const groups = parsed.parts.slice(0, 4).map((group) => group.toString(16));
    return `${groups.join(':')}::/64`;
  } catch {
    return undefined;
  }
}

/**
 * @param network in CIDR notation
 * @returns the first address of the network, and whether it is the one that is written. Undefined if the text is no network
 */
export function networkAddress(
  network: string,
): { readonly text: string; readonly isSame: boolean } | undefined {
  const [address] = network.split('/', 1);
  if (address === network || address.length > LONGEST_IPV6) return undefined;
  try {
    const kind = isIPv4(address) ? ipaddr.IPv4 : ipaddr.IPv6;
    const first = kind.networkAddressFromCIDR(network).toString();
    return { text: first, isSame: kind.parse(address).toString() === first };
  } catch {
    return undefined;
  }
}
