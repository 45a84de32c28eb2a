// The PROXY protocol header (haproxy's proxy-protocol.txt, versions 1 and 2): the address of the client behind a load
// balancer. Pure and total; it believes nothing it has not checked, and who may send such a header is not its business.

import { isIPv4, isIPv6, SocketAddress } from 'node:net';

export interface ProxyHeader {
  /** Undefined where the connection's own address counts: LOCAL, UNKNOWN, and families without an IP address. */
  readonly source: ProxySource | undefined;
  /** Octets of the header; what the client sent begins behind them. */
  readonly headerLength: number;
}

export interface ProxySource {
  /** In canonical form; an IPv4 address within IPv6 is the IPv4 address. */
  readonly address: string;
  readonly port: number;
}

export type ProxyHeaderResult = ProxyHeader | 'need-more' | 'malformed';

const V1_SIGNATURE = Buffer.from('PROXY ', 'latin1');
/** The longest line, its CRLF included (section 2.1). */
const V1_MOST_OCTETS = 107;

const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_OCTETS = 16;
/** Of addresses and TLVs. The format has room for 65,535; what load balancers send is well below 1 KiB. */
const V2_MOST_VARIABLE_OCTETS = 4096;

/** It never needs more octets than this, and never answers 'need-more' for that many. */
export const PROXY_HEADER_MAX: number = V2_FIXED_OCTETS + V2_MOST_VARIABLE_OCTETS;

/** `octets` is all that has come so far. What does not begin like a header is 'malformed'. */
export function parseProxyHeader(octets: Buffer): ProxyHeaderResult {
  if (beginsLike(octets, V2_SIGNATURE)) return parseV2(octets);
  return beginsLike(octets, V1_SIGNATURE) ? parseV1(octets) : 'malformed';
}

function beginsLike(octets: Buffer, signature: Buffer): boolean {
  const length = Math.min(octets.length, signature.length);
  return octets.compare(signature, 0, length, 0, length) === 0;
}

function parseV1(octets: Buffer): ProxyHeaderResult {
  const window = octets.subarray(0, V1_MOST_OCTETS);
  const end = window.indexOf('\r\n', 0, 'latin1');
  if (end < 0) return window.length < V1_MOST_OCTETS ? 'need-more' : 'malformed';
  const headerLength = end + 2;
  const [, family, ...rest] = window.toString('latin1', 0, end).split(' ');
  // Whatever stands behind UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { source: undefined, headerLength };
  if (rest.length !== 4) return 'malformed';
  const [source, destination, sourcePort, destinationPort] = rest;
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isUnscopedIPv6 : undefined;
  if (isAddress?.(source) !== true || !isAddress(destination)) return 'malformed';
  if (!isPort(sourcePort) || !isPort(destinationPort)) return 'malformed';
  return { source: { address: canonical(source), port: Number(sourcePort) }, headerLength };
}

/** Without a zone ('%eth0'), which means nothing on another machine. */
function isUnscopedIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

/** Decimal without leading zeros. */
function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** Octets of source and destination address with their ports, by address family (the upper half of octet 14). */
const V2_ADDRESS_OCTETS: readonly number[] = [0, 2 * 4 + 4, 2 * 16 + 4, 2 * 108];
const V2_INET = 1;
const V2_INET6 = 2;
const V2_STREAM = 1;
const V2_HIGHEST_PROTOCOL = 2;

function parseV2(octets: Buffer): ProxyHeaderResult {
  if (octets.length < V2_FIXED_OCTETS) return 'need-more';
  const command = octets[12];
  const isLocal = command === 0x20;
  if (!isLocal && command !== 0x21) return 'malformed';
  const variableOctets = octets.readUInt16BE(14);
  if (variableOctets > V2_MOST_VARIABLE_OCTETS) return 'malformed';
  const headerLength = V2_FIXED_OCTETS + variableOctets;
  const family = octets[13] >> 4;
  const protocol = octets[13] & 0x0f;
  // A LOCAL header's block is to be discarded, its family included.
  if (!isLocal) {
    if (family >= V2_ADDRESS_OCTETS.length || protocol > V2_HIGHEST_PROTOCOL) return 'malformed';
    if (variableOctets < V2_ADDRESS_OCTETS[family]) return 'malformed';
  }
  if (octets.length < headerLength) return 'need-more';
  const hasSource = !isLocal && protocol === V2_STREAM;
  return { source: hasSource ? readV2Source(octets, family) : undefined, headerLength };
}

function readV2Source(octets: Buffer, family: number): ProxySource | undefined {
  const start = V2_FIXED_OCTETS;
  if (family === V2_INET) {
    return { address: octets.subarray(start, start + 4).join('.'), port: octets.readUInt16BE(start + 8) };
  }
  if (family !== V2_INET6) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => octets.readUInt16BE(start + 2 * index).toString(16));
  return { address: canonical(groups.join(':')), port: octets.readUInt16BE(start + 32) };
}

const MAPPED_IPV4 = '::ffff:';

/** The one way to write a valid address, as logs and x-forwarded-for want it. */
function canonical(address: string): string {
  if (isIPv4(address)) return address;
  const written = new SocketAddress({ address, family: 'ipv6' }).address;
  const tail = written.startsWith(MAPPED_IPV4) ? written.slice(MAPPED_IPV4.length) : '';
  return isIPv4(tail) ? tail : written;
}
