// Whether an address that DNS names can be one of a service.

import { BlockList } from 'node:net';
import type { Family } from './resolve-addresses.ts';

const unusable = new BlockList();
// "This host on this network" (RFC 1122 section 3.2.1.3): Linux would connect to itself.
unusable.addSubnet('0.0.0.0', 8, 'ipv4');
// Multicast, the reserved block above it, and the broadcast address.
unusable.addSubnet('224.0.0.0', 3, 'ipv4');
unusable.addAddress('::', 'ipv6');
unusable.addSubnet('ff00::', 8, 'ipv6');
// Link-local addresses mean nothing without the name of an interface, which DNS cannot give.
unusable.addSubnet('fe80::', 10, 'ipv6');

export function isUsable(address: string, family: Family): boolean {
  return !unusable.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
