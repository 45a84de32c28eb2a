// The pages below /api/upstreams: what is known of the upstreams, and the endpoints of those whose endpoints are set here.

import type { IncomingMessage } from 'node:http';
import type { AdminReply } from './admin-reply.ts';
import { readBody } from './request-body.ts';

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
    text = await readBody(request, MOST_BODY_BYTES);
  } catch {
    // The client has given up, or was too slow.
    return { status: 400, body: { error: 'the body is not whole' } };
  }
  if (text !== undefined) return state.write(upstream, text);
  const error = `the body is larger than ${MOST_BODY_BYTES} bytes; an upstream has at most 4096 endpoints`;
  return { status: 413, body: { error } };
}
