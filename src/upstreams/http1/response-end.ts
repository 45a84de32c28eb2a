// Where a service's response ends, and what may come after it. Nothing on this request's connection may become the response to
// the next request.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Guard } from './service-request.ts';

/**
 * The parser's errors for a trailer section that contains framing fields. Once the head was read, fields only come after the last
 * chunk, so the whole body is there.
 */
const FRAMING_IN_TRAILERS: ReadonlySet<string | undefined> = new Set([
  'HPE_INVALID_CONTENT_LENGTH',
  'HPE_UNEXPECTED_CONTENT_LENGTH',
  'HPE_INVALID_TRANSFER_ENCODING',
]);

/**
 * Whether an error of the request leaves its response complete, because the error is about what came after it. Node has closed
 * the connection, and the response still ends by itself.
 */
export function isBehindResponse(code: string | undefined, response: IncomingMessage | undefined): boolean {
  if (response === undefined) return false;
  if (response.complete) return true;
  if (!FRAMING_IN_TRAILERS.has(code) || response.headers['transfer-encoding'] === undefined) return false;
  // The trailers are lost. Without this, Node would abort the response when the connection closes.
  response.complete = true;
  return true;
}

/**
 * Closes the connection when anything arrives after the complete response while its reader is paused: Node has already detached
 * its parser by then and would drop it. A reader that is not paused gets the end in the same turn in which it arrives.
 * @returns a function that must be called before the connection serves another request
 */
export function watchBehind(request: ClientRequest, response: IncomingMessage, guard: Guard): () => void {
  const { socket } = request;
  let onData: (() => void) | undefined;
  response.once('pause', () => {
    if (request.destroyed) return;
    onData = guard(() => {
      if (response.complete && !request.destroyed) socket?.destroy();
    });
    // This listener runs before Node's, which may find the end of the response in the same bytes.
    socket?.prependListener('data', onData);
  });
  return () => {
    if (onData !== undefined) socket?.off('data', onData);
  };
}
