// Reads the body of a request to the admin server, up to a limit.

import type { IncomingMessage } from 'node:http';

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
