// The key under which clients are counted by address. An IPv4 address is one client; an IPv6 client can use any address of its
// /64, so the whole network counts as one client.

/** The number of 16-bit groups in the network part of an IPv6 address (64 bits). */
const NETWORK_GROUPS = 4;
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** @returns an IPv4 address as it is, and an IPv6 address as its /64 network: '2001:db8:0:1::/64' */
export function countedAddress(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = MAPPED_IPV4.exec(address);
  if (mapped !== null) return mapped[1];
  const [before = '', after] = address.toLowerCase().split('%', 1)[0].split('::');
  const head = groupsOf(before);
  const tail = after === undefined ? [] : groupsOf(after);
  const missing = Math.max(0, 8 - head.length - tail.length);
  const groups =
    after === undefined ? head : [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  return `${groups.slice(0, NETWORK_GROUPS).map(withoutZeros).join(':')}::/64`;
}

/** Splits into groups. An IPv4 address at the end takes the place of two groups; the network part never includes it. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => (group.includes('.') ? [group, group] : [group]));
}

function withoutZeros(group: string): string {
  return group.replace(/^0+(?=.)/, '');
}
