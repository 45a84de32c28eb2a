// The pages below /api/upstreams: what is known of the upstreams, and the endpoints of those whose endpoints are set here.

import type { IncomingMessage } from 'node:http';
import type { AdminReply } from './admin-reply.ts';

export interface UpstreamsState {
  list(): AdminReply | Promise<AdminReply>;
  read(upstream: string): AdminReply | Promise<AdminReply>;
  /** @param text the body of the request */
  write(upstream: string, text: string): AdminReply;
  withdraw(upstream: string): AdminReply;
}

/** Enough for as many endpoints as an upstream may have. */
const MOST_BODY_BYTES = 1_048_576;

/** @returns the name of the upstream whose endpoints the path means, or undefined for another path */
export function upstreamOfPath(path: string): string | undefined {
  const encoded = /^\/api\/upstreams\/([^/]+)\/endpoints$/.exec(path)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

export const ENDPOINT_METHODS: readonly string[] = ['GET', 'HEAD', 'PUT', 'DELETE'];

/** @param request its method is one of ENDPOINT_METHODS */
export async function answerEndpoints(
  state: UpstreamsState,
  upstream: string,
  request: IncomingMessage,
): Promise<AdminReply> {
  if (request.method === 'DELETE') return state.withdraw(upstream);
  if (request.method !== 'PUT') return state.read(upstream);
  let text: string | undefined;
  try {
    text = await readBody(request);
  } catch {
    // The client has given up, or was too slow.
    return { status: 400, body: { error: 'the body is not whole' } };
  }
  if (text !== undefined) return state.write(upstream, text);
  const error = `the body is larger than ${MOST_BODY_BYTES} bytes; an upstream has at most 4096 endpoints`;
  return { status: 413, body: { error } };
}

/** @returns undefined for a body that is too large. Rejects if the request breaks off. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // What is too large is read to its end, so that the client sees the answer.
    if (size <= MOST_BODY_BYTES) chunks.push(chunk);
  }
  return size > MOST_BODY_BYTES ? undefined : Buffer.concat(chunks).toString('utf8');
}
