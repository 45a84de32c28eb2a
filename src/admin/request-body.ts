// Reads the body of a request to the admin server, up to a limit.

import type { IncomingMessage } from 'node:http';
import type { AdminReply } from './admin-reply.ts';

/** @returns undefined for a body that is too large. Rejects if the request breaks off. */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // What is too large is read to its end, so that the client sees the answer.
    if (size <= mostBytes) chunks.push(chunk);
  }
  return size > mostBytes ? undefined : Buffer.concat(chunks).toString('utf8');
}

/** @param answer gets the body, and returns undefined if there is nothing that takes it */
export async function answerBody(
  request: IncomingMessage,
  mostBytes: number,
  answer: (text: string) => AdminReply | undefined,
): Promise<AdminReply> {
  let text: string | undefined;
  try {
    text = await readBody(request, mostBytes);
  } catch {
    // The client has given up, or was too slow.
    return { status: 400, body: { error: 'the body is not whole' } };
  }
  const tooLarge: AdminReply = {
    status: 413,
    body: { error: `the body is larger than ${mostBytes} bytes` },
  };
  return text === undefined ? tooLarge : (answer(text) ?? tooLarge);
}
