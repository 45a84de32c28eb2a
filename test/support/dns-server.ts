// A DNS server on loopback. `good.test` resolves to 127.0.0.1, `refused…` gets REFUSED, `silent…` never gets an answer, and a test may
// set the records of any name.

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TestContext } from 'node:test';

const HEADER_BYTES = 12;
const TYPE_A = 1;
const TYPE_AAAA = 28;
const TYPE_SRV = 33;
const NAME_AT_HEADER = 0xc00c;
const TYPES: Readonly<Record<number, keyof Zone>> = { [TYPE_A]: 'a', [TYPE_AAAA]: 'aaaa', [TYPE_SRV]: 'srv' };

interface Service {
  readonly host: string;
  readonly port: number;
  readonly priority?: number;
  readonly weight?: number;
}

/** What the server says of one name. */
export interface Zone {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  readonly srv?: readonly Service[];
  /** In seconds. */
  readonly ttl?: number;
  /** Types of questions that get no answer, or an error. */
  readonly silent?: readonly (keyof Zone)[];
  readonly failing?: readonly (keyof Zone)[];
}

export interface DnsServer {
  /** The server's address as `ADDRESS:PORT`. */
  readonly address: string;
  /** The names that clients asked for, in order. */
  readonly questions: readonly string[];
  /** Sets what is said of a name from now on. Undefined: there is no such name. */
  set(name: string, zone: Zone | undefined): void;
}

export async function startDnsServer(t: TestContext): Promise<DnsServer> {
  const questions: string[] = [];
  const zones = new Map<string, Zone>([['good.test', { a: ['127.0.0.1'], ttl: 0 }]]);
  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => {
    const { name, end } = nameIn(query);
    questions.push(name);
    const type = TYPES[query.readUInt16BE(end)];
    const zone = zones.get(name);
    if (name.startsWith('silent') || zone?.silent?.includes(type) === true) return;
    socket.send(answerTo(query, { name, end, zone, type }), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.after(() => socket.close());
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    set(name, zone) {
      if (zone === undefined) zones.delete(name);
      else zones.set(name, zone);
    },
  };
}

function nameIn(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  while (query[at] > 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
    at += 1 + query[at];
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

interface Question {
  readonly name: string;
  /** The offset after the name in the question; the type and class follow. */
  readonly end: number;
  readonly zone: Zone | undefined;
  readonly type: keyof Zone;
}

function answerTo(query: Buffer, { name, end, zone, type }: Question): Buffer {
  const question = query.subarray(HEADER_BYTES, end + 4);
  const records = recordsOf(zone, type);
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  // 0x8180 is a response with recursion available. The code is 0, 2 (server failure), 3 (no such name) or 5 (refused).
  const isFailing = zone?.failing?.includes(type) === true;
  const code = name.startsWith('refused') ? 5 : isFailing ? 2 : zone === undefined ? 3 : 0;
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(code === 0 ? records.length : 0, 6);
  return Buffer.concat([header, question, ...(code === 0 ? records : [])]);
}

function recordsOf(zone: Zone | undefined, type: keyof Zone): readonly Buffer[] {
  const ttl = zone?.ttl ?? 60;
  if (type === 'a')
    return (zone?.a ?? []).map((text) => record(TYPE_A, ttl, Buffer.from(text.split('.').map(Number))));
  if (type === 'aaaa') return (zone?.aaaa ?? []).map((text) => record(TYPE_AAAA, ttl, bytesOf(text)));
  return (zone?.srv ?? []).map(({ host, port, priority = 0, weight = 0 }) => {
    const head = Buffer.alloc(6);
    head.writeUInt16BE(priority, 0);
    head.writeUInt16BE(weight, 2);
    head.writeUInt16BE(port, 4);
    return record(TYPE_SRV, ttl, Buffer.concat([head, encodedName(host)]));
  });
}

function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(NAME_AT_HEADER, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function encodedName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ]);
}

/** Of an IPv6 address, perhaps with `::`. */
function bytesOf(text: string): Buffer {
  if (!isIPv6(text)) throw new Error(`${text} is no IPv6 address`);
  const [head = '', tail = ''] = text.split('::');
  const missing = 8 - groupsOf(head).length - groupsOf(tail).length;
  const all = [...groupsOf(head), ...Array.from({ length: missing }, () => '0'), ...groupsOf(tail)];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}

function groupsOf(part: string): readonly string[] {
  return part.split(':').filter((group) => group !== '');
}
