// Parses the PROXY protocol header (haproxy's proxy-protocol.txt, versions 1 and 2), which gives the address of the client behind
// a load balancer. The parser is pure, accepts any input and checks everything. Which peers may send a header is decided elsewhere.

import { isIPv4, isIPv6, SocketAddress } from 'node:net';

export interface ProxyHeader {
  /** Undefined if the connection's own address counts: for LOCAL, UNKNOWN, families without an IP address, and datagrams. */
  readonly source: ProxySource | undefined;
  /** The length of the header in bytes. What the client sent begins after it. */
  readonly headerLength: number;
}

export interface ProxySource {
  /** The address in canonical form; an IPv4-mapped IPv6 address is written as IPv4. */
  readonly address: string;
  readonly port: number;
}

export type ProxyHeaderResult = ProxyHeader | 'need-more' | 'malformed';

const V1_SIGNATURE = Buffer.from('PROXY ', 'latin1');
/** The length of the longest line, CRLF included (section 2.1). */
const V1_MOST_BYTES = 107;

const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_BYTES = 16;
/** The maximum for addresses and TLVs. The format allows 65,535 bytes; load balancers send well below 1 KiB. */
const V2_MOST_VARIABLE_BYTES = 4096;

/** The maximum input in bytes. The parser never returns 'need-more' for that many. */
export const PROXY_HEADER_MAX: number = V2_FIXED_BYTES + V2_MOST_VARIABLE_BYTES;

/**
 * @param bytes everything received so far
 * @returns 'malformed' also if the bytes do not begin like a header
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeaderResult {
  if (beginsLike(bytes, V2_SIGNATURE)) return parseV2(bytes);
  return beginsLike(bytes, V1_SIGNATURE) ? parseV1(bytes) : 'malformed';
}

function beginsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

function parseV1(bytes: Buffer): ProxyHeaderResult {
  const window = bytes.subarray(0, V1_MOST_BYTES);
  const end = window.indexOf('\r\n', 0, 'latin1');
  if (end < 0) return window.length < V1_MOST_BYTES ? 'need-more' : 'malformed';
  const headerLength = end + 2;
  const [, family, ...rest] = window.toString('latin1', 0, end).split(' ');
  // The receiver must ignore everything after UNKNOWN (section 2.1).
  if (family === 'UNKNOWN') return { source: undefined, headerLength };
  if (rest.length !== 4) return 'malformed';
  const [source, destination, sourcePort, destinationPort] = rest;
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isUnscopedIPv6 : undefined;
  if (isAddress?.(source) !== true || !isAddress(destination)) return 'malformed';
  if (!isPort(sourcePort) || !isPort(destinationPort)) return 'malformed';
  return { source: { address: canonical(source), port: Number(sourcePort) }, headerLength };
}

/** Accepts no zone ('%eth0'), which has no meaning on another machine. */
function isUnscopedIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

/** Accepts decimal digits without leading zeros. */
function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** The length of both addresses and ports, indexed by the address family (the upper half of the 14th byte). */
const V2_ADDRESS_BYTES: readonly number[] = [0, 2 * 4 + 4, 2 * 16 + 4, 2 * 108];
const V2_INET = 1;
const V2_INET6 = 2;
const V2_STREAM = 1;
const V2_HIGHEST_PROTOCOL = 2;

function parseV2(bytes: Buffer): ProxyHeaderResult {
  if (bytes.length < V2_FIXED_BYTES) return 'need-more';
  const command = bytes[12];
  const isLocal = command === 0x20;
  if (!isLocal && command !== 0x21) return 'malformed';
  const variableBytes = bytes.readUInt16BE(14);
  if (variableBytes > V2_MOST_VARIABLE_BYTES) return 'malformed';
  const headerLength = V2_FIXED_BYTES + variableBytes;
  const family = bytes[13] >> 4;
  const protocol = bytes[13] & 0x0f;
  // The receiver must discard the block of a LOCAL header, including its family (section 2.2).
  if (!isLocal) {
    if (family >= V2_ADDRESS_BYTES.length || protocol > V2_HIGHEST_PROTOCOL) return 'malformed';
    if (variableBytes < V2_ADDRESS_BYTES[family]) return 'malformed';
  }
  if (bytes.length < headerLength) return 'need-more';
  const hasSource = !isLocal && protocol === V2_STREAM;
  return { source: hasSource ? readV2Source(bytes, family) : undefined, headerLength };
}

function readV2Source(bytes: Buffer, family: number): ProxySource | undefined {
  const start = V2_FIXED_BYTES;
  if (family === V2_INET) {
    return { address: bytes.subarray(start, start + 4).join('.'), port: bytes.readUInt16BE(start + 8) };
  }
  if (family !== V2_INET6) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(start + 2 * index).toString(16));
  return { address: canonical(groups.join(':')), port: bytes.readUInt16BE(start + 32) };
}

const MAPPED_IPV4 = '::ffff:';

/** @returns the single canonical spelling of a valid address, for logs and x-forwarded-for */
function canonical(address: string): string {
  if (isIPv4(address)) return address;
  const written = new SocketAddress({ address, family: 'ipv6' }).address;
  const tail = written.startsWith(MAPPED_IPV4) ? written.slice(MAPPED_IPV4.length) : '';
  return isIPv4(tail) ? tail : written;
}
