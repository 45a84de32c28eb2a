// What a plaintext listener does with its connections: the first octets tell whether it is HTTP/2, HTTP/1.1, or a mistake.
// A TLS client gets an alert it can report; what it said before encryption goes to the log.

import type { Socket } from 'node:net';
import { type ClientHelloResult, describeClientHello, parseClientHello } from '../diagnosis/client-hello.ts';
import { refuseOpening, reportRefusal, serveHttp1, serveHttp2 } from './clear-connections.ts';
import { readOctets } from './octet-reader.ts';
import { type Opening, readOpening } from './opening.ts';
import type { Serve } from './peer.ts';
import { closeAfterFarewell } from './refusal.ts';
import type { ServerContext } from './server-context.ts';
import { TLS_ALERT_PROTOCOL_VERSION } from './tls-alert.ts';

/** For accepted sockets, half-open ones. */
export function plaintextAcceptor(context: ServerContext): Serve {
  return (socket, origin) =>
    readOpening(socket, origin, context, (opened, opening) => serveOpening(opened, opening, context));
}

function serveOpening(socket: Socket, opening: Opening, context: ServerContext): void {
  switch (opening.outcome) {
    case 'http2':
      serveHttp2(socket, opening, context);
      break;
    case 'http1':
      serveHttp1(socket, opening, context);
      break;
    case 'tls':
      refuseTls(socket, opening, context);
      break;
    default:
      refuseOpening(socket, opening.outcome, opening, context);
  }
}

function refuseTls(socket: Socket, opening: Opening, context: ServerContext): void {
  const { head, origin } = opening;
  if (context.source.mismatchPolicy !== 'explain') {
    socket.destroy();
    reportRefusal(context, origin, 'tls_on_plaintext_port');
    return;
  }
  readClientHello(socket, head, context, (detail) => {
    closeAfterFarewell(socket, TLS_ALERT_PROTOCOL_VERSION);
    reportRefusal(context, origin, 'tls_on_plaintext_port', detail);
  });
}

/** For the log only: a client that does not finish its ClientHello gets the same answer. */
function readClientHello(
  socket: Socket,
  head: Buffer,
  { timeouts, containment }: ServerContext,
  described: (detail: string) => void,
): void {
  const first = parseClientHello(head);
  if (first !== 'need-more') {
    described(detailOf(first));
    return;
  }
  readOctets<Exclude<ClientHelloResult, 'need-more'>>(socket, {
    head,
    timeoutMs: timeouts.clientHelloMs,
    containment,
    examine: parseClientHello,
    decided: (outcome) => described(detailOf(outcome)),
  });
}

function detailOf(outcome: ClientHelloResult | 'timeout' | 'abandoned'): string {
  if (outcome === 'malformed') return 'the ClientHello is malformed';
  return typeof outcome === 'string' ? 'the ClientHello is incomplete' : describeClientHello(outcome);
}
