// What a plaintext listener does with its connections. The first bytes show whether they are HTTP/2, HTTP/1.1, or a mistake. A
// TLS client gets an alert that it can report, and the plaintext part of its handshake goes to the log.

import type { Socket } from 'node:net';
import { type ClientHelloResult, describeClientHello, parseClientHello } from '../diagnosis/client-hello.ts';
import { readBytes } from './byte-reader.ts';
import { refuseOpening, reportRefusal, serveHttp1, serveHttp2 } from './clear-connections.ts';
import { type Opening, readOpening } from './opening.ts';
import type { Serve } from './peer.ts';
import { closeAfterFarewell } from './refusal.ts';
import type { ServerContext } from './server-context.ts';
import { TLS_ALERT_PROTOCOL_VERSION } from './tls-alert.ts';

/** The function that serves accepted sockets, which must be half-open. */
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

/** Reads a ClientHello, only for the log: a client that does not finish it gets the same response. */
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
  readBytes<Exclude<ClientHelloResult, 'need-more'>>(socket, {
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
