// Connections without TLS: those that speak HTTP are served, all others are refused. Of a plaintext listener, and of
// a TLS listener that accepts them.

import type { Socket } from 'node:net';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import type { Opening } from './opening.ts';
import { type ClientOrigin, clientOf, describePlaintextPeer } from './peer.ts';
import { closeAfterFarewell, makeRefusal } from './refusal.ts';
import type { ServerContext } from './server-context.ts';

export function serveHttp2(socket: Socket, { head, origin }: Opening, context: ServerContext): void {
  // Sockets are accepted half-open; HTTP/2 has no use for that (its streams half-close).
  socket.allowHalfOpen = false;
  context.openings.settle(socket);
  context.handler.onHttp2(socket, describePlaintextPeer(origin, context.source), head);
}

export function serveHttp1(socket: Socket, { head, origin }: Opening, context: ServerContext): void {
  context.http1.serve(socket, describePlaintextPeer(origin, context.source), head);
}

/** Closes the connection, politely where there may be somebody to read. */
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
