// A plaintext client on a TLS port: it gets an explanation in its own protocol, is closed, or is served, as the listener is
// configured.

import type { Socket } from 'node:net';
import { refuseOpening, reportRefusal, serveHttp1, serveHttp2 } from './clear-connections.ts';
import { httpsResponse } from './http1-answer.ts';
import type { Opening, OpeningOutcome } from './opening.ts';
import { describePlaintextPeer } from './peer.ts';
import { closeAfterFarewell } from './refusal.ts';
import type { ServerContext } from './server-context.ts';

export function handleClearClient(
  socket: Socket,
  opening: Opening,
  outcome: Exclude<OpeningOutcome, 'tls'>,
  context: ServerContext,
): void {
  if (outcome === 'http2') handleHttp2(socket, opening, context);
  else if (outcome === 'http1') handleHttp1(socket, opening, context);
  else refuseOpening(socket, outcome, opening, context);
}

function handleHttp2(socket: Socket, opening: Opening, context: ServerContext): void {
  const { source, handler, openings } = context;
  switch (source.mismatchPolicy) {
    case 'accept':
      serveHttp2(socket, opening, context);
      return;
    case 'explain': {
      const peer = describePlaintextPeer(opening.origin, source);
      socket.allowHalfOpen = false;
      openings.settle(socket);
      handler.onHttp2(socket, { ...peer, mismatch: 'plaintext_on_tls_port' }, opening.head);
      break;
    }
    case 'close':
      socket.destroy();
  }
  reportRefusal(context, opening.origin, 'plaintext_on_tls_port');
}

function handleHttp1(socket: Socket, opening: Opening, context: ServerContext): void {
  const { source } = context;
  switch (source.mismatchPolicy) {
    case 'accept':
      serveHttp1(socket, opening, context);
      return;
    case 'explain':
      closeAfterFarewell(socket, httpsResponse(source.port()));
      break;
    case 'close':
      socket.destroy();
  }
  reportRefusal(context, opening.origin, 'http1_on_tls_port');
}
