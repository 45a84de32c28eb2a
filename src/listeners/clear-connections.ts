// Plaintext connections, of a plaintext listener or of a TLS listener that accepts them. Those that speak HTTP are served, all
// others are refused.

import type { Socket } from 'node:net';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import type { Opening } from './opening.ts';
import { type ClientOrigin, clientOf, describePlaintextPeer } from './peer.ts';
import { closeAfterFarewell, makeRefusal } from './refusal.ts';
import type { ServerContext } from './server-context.ts';

export function serveHttp2(socket: Socket, { head, origin }: Opening, context: ServerContext): void {
  // Sockets are accepted half-open, which HTTP/2 does not need: it half-closes streams instead.
  socket.allowHalfOpen = false;
  context.openings.settle(socket);
  context.handler.onHttp2(socket, describePlaintextPeer(origin, context.source), head);
}

export function serveHttp1(socket: Socket, { head, origin }: Opening, context: ServerContext): void {
  context.http1.serve(socket, describePlaintextPeer(origin, context.source), head);
}

/** Closes the connection and reports the refusal. A client that is still there gets time to read to the end. */
export function refuseOpening(
  socket: Socket,
  token: RefusalToken,
  { origin }: Opening,
  context: ServerContext,
): void {
  if (token === 'first_bytes_abandoned') socket.destroy();
  else closeAfterFarewell(socket);
  reportRefusal(context, origin, token);
}

export function reportRefusal(
  { source, handler }: ServerContext,
  origin: ClientOrigin,
  token: RefusalToken,
  detail?: string,
): void {
  handler.onRefused(makeRefusal(source.listener, clientOf(origin), token, detail));
}
