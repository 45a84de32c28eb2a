// Ranges of addresses as people write them: one address, or a network in CIDR notation.

import { BlockList, isIP } from 'node:net';

/** @returns a function that says whether an address is in the range; undefined for a text that is no range */
export function addressRange(text: string): ((address: string) => boolean) | undefined {
  const [network, bits, ...rest] = text.split('/');
  const version = isIP(network);
  if (version === 0 || rest.length > 0) return undefined;
  const mostBits = version === 4 ? 32 : 128;
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= mostBits)) return undefined;
  const range = new BlockList();
  range.addSubnet(network, bits === undefined ? mostBits : Number(bits), version === 4 ? 'ipv4' : 'ipv6');
  return (address) => {
    const plain = address.split('%', 1)[0];
    const found = isIP(plain);
    // BlockList takes an IPv4 address for its mapped one, so that ::/0 would hold all of IPv4.
    if (version === 6 && found === 4) return false;
    return found !== 0 && range.check(plain, found === 4 ? 'ipv4' : 'ipv6');
  };
}

/** @returns the address of a peer without its port and brackets: '[::1]:80' gives '::1' */
export function withoutPort(peer: string): string {
  return /^\[(.*)\]:\d+$/.exec(peer)?.[1] ?? peer.replace(/^([^:]*):\d+$/, '$1');
}
