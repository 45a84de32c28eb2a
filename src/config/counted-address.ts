// Whom an address stands for, where clients are counted by address: one host has one IPv4 address, and every IPv6 address of
// its network.

/** How many groups of an IPv6 address are the network: 64 bits, of which one host may use every address. */
const NETWORK_GROUPS = 4;
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** An IPv4 address as it is, an IPv6 one as its network of 64 bits: '2001:db8:0:1::/64'. */
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

/** An IPv4 address at the end stands for two groups. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => (group.includes('.') ? [group, group] : [group]));
}

function withoutZeros(group: string): string {
  return group.replace(/^0+(?=.)/, '');
}
