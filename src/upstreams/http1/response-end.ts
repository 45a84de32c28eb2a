// Where does a response of a service end, and what may come behind it? Nothing of this request's connection may become the
// answer to the next one.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Guard } from './service-request.ts';

/**
 * What the parser says of a trailer section that speaks of framing. Once the head is read, fields stand nowhere else than
 * behind the last chunk: all of the body is there.
 */
const FRAMING_IN_TRAILERS: ReadonlySet<string | undefined> = new Set([
  'HPE_INVALID_CONTENT_LENGTH',
  'HPE_UNEXPECTED_CONTENT_LENGTH',
  'HPE_INVALID_TRANSFER_ENCODING',
]);

/**
 * Whether an error of the request leaves its response whole: it is about what came behind it. Node has closed the connection,
 * and the response still ends by itself.
 */
export function isBehindResponse(code: string | undefined, response: IncomingMessage | undefined): boolean {
  if (response === undefined) return false;
  if (response.complete) return true;
  if (!FRAMING_IN_TRAILERS.has(code) || response.headers['transfer-encoding'] === undefined) return false;
  // The trailers are lost. Node would break the response off when it sees the connection closed.
  response.complete = true;
  return true;
}

/**
 * Closes the connection when anything comes behind the whole response while its reader pauses: Node, which has put its
 * parser away by then, would drop it. A reader that does not pause has its end in the turn that brings it.
 * @returns to be called before the connection serves another request
 */
export function watchBehind(request: ClientRequest, response: IncomingMessage, guard: Guard): () => void {
  const { socket } = request;
  let onData: (() => void) | undefined;
  response.once('pause', () => {
    if (request.destroyed) return;
    onData = guard(() => {
      if (response.complete && !request.destroyed) socket?.destroy();
    });
    // Before Node's listener, which may find the end of the response in the same bytes.
    socket?.prependListener('data', onData);
  });
  return () => {
    if (onData !== undefined) socket?.off('data', onData);
  };
}
