// Reads from a fresh plaintext connection until its first octets tell the protocol, within a time limit.
// It decides nothing else, and never keeps more of the connection than the chunks it needed.

import type { Socket } from 'node:net';
import { classifyFirstBytes, type FirstBytes } from '../diagnosis/first-bytes.ts';

export type FirstBytesOutcome = Exclude<FirstBytes, 'need-more'> | 'timeout' | 'abandoned';

/**
 * Calls `decided` once. The socket has no 'data' listener then and is flowing: whoever goes on with it attaches 'data'
 * before `decided` returns, or puts `head` back by unshift. `head` is all that was read so far: what told the
 * protocol and what came with it in the same chunk.
 */
export function readFirstBytes(
  socket: Socket,
  timeoutMs: number,
  decided: (outcome: FirstBytesOutcome, head: Buffer) => void,
): void {
  let head: Buffer = Buffer.alloc(0);
  const finish = (outcome: FirstBytesOutcome): void => {
    clearTimeout(timer);
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onEnd);
    decided(outcome, head);
  };
  const onData = (chunk: Buffer): void => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const kind = classifyFirstBytes(head);
    if (kind !== 'need-more') finish(kind);
  };
  const onEnd = (): void => finish('abandoned');
  const timer = setTimeout(() => finish('timeout'), timeoutMs);
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
}
