// A DNS server on loopback: `good.test` resolves to 127.0.0.1, `refused…` gets REFUSED, and `silent…` never gets an answer.

import { createSocket } from 'node:dgram';
import type { TestContext } from 'node:test';

const HEADER_BYTES = 12;
const TYPE_A = 1;
const NAME_AT_HEADER = 0xc00c;

export interface DnsServer {
  /** The server's address as `ADDRESS:PORT`. */
  readonly address: string;
  /** The names that clients asked for, in order. */
  readonly questions: readonly string[];
}

export async function startDnsServer(t: TestContext): Promise<DnsServer> {
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => {
    const { name, end } = nameIn(query);
    questions.push(name);
    if (!name.startsWith('silent')) socket.send(answerTo(query, name, end), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.after(() => socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, questions };
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

/** @param end the offset after the name in the question; the type and class follow */
function answerTo(query: Buffer, name: string, end: number): Buffer {
  const question = query.subarray(HEADER_BYTES, end + 4);
  const isA = query.readUInt16BE(end) === TYPE_A;
  const hasAnswer = name === 'good.test' && isA;
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  // 0x8180 is a response with recursion available. The code is 0, 3 (no such name) or 5 (refused).
  const code = name.startsWith('refused') ? 5 : name === 'good.test' ? 0 : 3;
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  if (!hasAnswer) return Buffer.concat([header, question]);
  const record = Buffer.alloc(16);
  record.writeUInt16BE(NAME_AT_HEADER, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt16BE(4, 10);
  record.set([127, 0, 0, 1], 12);
  return Buffer.concat([header, question, record]);
}
