// Commands of a probe to a server of Redis or Valkey, by its protocol (RESP 2). The client library of the proxy is not used here, since
// an answer that it does not expect may end the process. Answers are bounded in size and time, and nothing of them is trusted.

import type { Socket } from 'node:net';
import type { Address } from '../config/address.ts';
import { answerWord } from '../stores/failure-reason.ts';
import { type DialFailure, dial, type TlsFacts, type TlsWish } from './dial.ts';

export interface RespWay {
  readonly address: Address;
  readonly tls: TlsWish | undefined;
}

export type RespReply =
  | { readonly kind: 'text'; readonly text: string }
  /** The first word of an error, if it is one of Redis or Valkey. Anything else could be the password, and is thrown away. */
  | { readonly kind: 'error'; readonly word: string }
  | { readonly kind: 'list'; readonly texts: readonly string[] }
  /** There is no reply: the server has sent something that is no RESP (`other`), nothing in time (`late`), or has closed the connection (`closed`). */
  | { readonly kind: 'other' | 'late' | 'closed' };

export interface RespAnswers {
  readonly tls: TlsFacts | undefined;
  readonly connectMs: number;
  /** One for each command, until one has failed without an answer. */
  readonly replies: readonly RespReply[];
}

const MOST_BYTES = 65_536;
const MOST_PARTS = 16;

/**
 * Sends each command once the one before is answered. Never rejects.
 * @param limitMs for all of it
 */
export async function askResp(
  { address, tls }: RespWay,
  commands: readonly (readonly string[])[],
  limitMs: number,
): Promise<RespAnswers | DialFailure> {
  const endsAtMs = performance.now() + limitMs;
  const dialled = await dial(address, tls, limitMs);
  if ('failure' in dialled) return dialled;
  const { socket, connectMs, tls: facts } = dialled;
  const replies: RespReply[] = [];
  // Only a server whose certificate is trusted may get the password.
  if (facts?.distrust === undefined) {
    for (const command of commands) {
      const reply = await askOne(socket, command, Math.max(50, endsAtMs - performance.now()));
      replies.push(reply);
      if (reply.kind === 'other' || reply.kind === 'late' || reply.kind === 'closed') break;
    }
  }
  socket.destroy();
  return { tls: facts, connectMs, replies };
}

async function askOne(socket: Socket, command: readonly string[], limitMs: number): Promise<RespReply> {
  const { promise, resolve } = Promise.withResolvers<RespReply>();
  let read = Buffer.alloc(0);
  const onData = (bytes: Buffer): void => {
    read = Buffer.concat([read, bytes]);
    const reply = read.length > MOST_BYTES ? OTHER : readReply(read);
    if (reply !== undefined) resolve(reply);
  };
  const onClose = (): void => resolve({ kind: 'closed' });
  const timer = setTimeout(() => resolve({ kind: 'late' }), limitMs);
  socket.on('data', onData).once('close', onClose);
  if (socket.destroyed) onClose();
  else socket.write(encode(command));
  const reply = await promise;
  clearTimeout(timer);
  socket.off('data', onData).off('close', onClose);
  return reply;
}

function encode(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

const OTHER: RespReply = { kind: 'other' };

/** @returns undefined as long as a part is missing */
function readReply(bytes: Buffer): RespReply | undefined {
  const line = lineAt(bytes, 0);
  if (line === undefined) return /^[-+:$*]/.test(bytes.toString('latin1', 0, 1)) ? undefined : OTHER;
  const [mark, rest] = [line.text.slice(0, 1), line.text.slice(1)];
  switch (mark) {
    case '+':
    case ':':
      return { kind: 'text', text: rest };
    case '-':
      return { kind: 'error', word: answerWord(rest) };
    case '$': {
      const bulk = bulkAt(bytes, 0);
      return bulk === undefined || bulk === 'other' ? asReply(bulk) : { kind: 'text', text: bulk.text };
    }
    case '*':
      return readList(bytes, Number(rest), line.end);
    default:
      return OTHER;
  }
}

function asReply(fault: 'other' | undefined): RespReply | undefined {
  return fault === undefined ? undefined : OTHER;
}

function readList(bytes: Buffer, count: number, start: number): RespReply | undefined {
  if (count === -1) return { kind: 'list', texts: [] };
  if (!(count >= 0 && count <= MOST_PARTS)) return OTHER;
  const texts: string[] = [];
  let at = start;
  while (texts.length < count) {
    const part = integerAt(bytes, at) ?? bulkAt(bytes, at);
    if (part === undefined || part === 'other') return asReply(part);
    texts.push(part.text);
    at = part.end;
  }
  return { kind: 'list', texts };
}

function integerAt(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | undefined {
  const line = lineAt(bytes, at);
  return line !== undefined && /^:-?\d{1,20}$/.test(line.text)
    ? { text: line.text.slice(1), end: line.end }
    : undefined;
}

function bulkAt(
  bytes: Buffer,
  at: number,
): { readonly text: string; readonly end: number } | 'other' | undefined {
  const line = lineAt(bytes, at);
  if (line === undefined) return undefined;
  const size = Number(/^\$(-1|\d{1,6})$/.exec(line.text)?.[1]);
  if (Number.isNaN(size)) return 'other';
  if (size === -1) return { text: '', end: line.end };
  const end = line.end + size + 2;
  return bytes.length < end ? undefined : { text: bytes.toString('latin1', line.end, end - 2), end };
}

function lineAt(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | undefined {
  const end = bytes.indexOf('\r\n', at, 'latin1');
  return end === -1 ? undefined : { text: bytes.toString('latin1', at, end), end: end + 2 };
}
