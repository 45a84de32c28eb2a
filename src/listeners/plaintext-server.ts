// A plaintext listener's server: the first octets of each connection tell whether it is HTTP/2, HTTP/1.1, or a mistake.
// Node's http server listens, so that its HTTP/1.1 timeouts work; but it gets only the connections that are HTTP/1.1.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import { type FirstBytesOutcome, readFirstBytes } from './first-bytes-reader.ts';
import { Http1Side, http1Options } from './http1-side.ts';
import { clientOf, describePlaintextPeer } from './peer.ts';
import { closeAfterFarewell, makeRefusal } from './refusal.ts';
import type { ServerContext } from './server-context.ts';
import { destroyOnError, socketOptions } from './socket-options.ts';
import { TLS_ALERT_PROTOCOL_VERSION } from './tls-alert.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { createServer } = process.getBuiltinModule('node:http');

export interface PlaintextServer {
  readonly server: Server;
  readonly http1: Http1Side;
}

/** Not yet listening. */
export function createPlaintextServer(context: ServerContext): PlaintextServer {
  const server = createServer({ ...socketOptions, ...http1Options(context.timeouts.http1HeadersMs) });
  const http1 = new Http1Side(server, context.http1);
  const [serveHttp1] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    socket.on('error', destroyOnError);
    readFirstBytes(socket, context.timeouts.firstBytesMs, (outcome, head) => {
      switch (outcome) {
        case 'http2':
          // Node's http server accepts half-open sockets; HTTP/2 has no use for one (its streams half-close).
          socket.allowHalfOpen = false;
          context.handler.onHttp2(socket, describePlaintextPeer(socket, context.source), head);
          break;
        case 'http1':
          http1.adopt(socket, describePlaintextPeer(socket, context.source));
          // Paused, as unshift would emit 'data' at once on a flowing socket, before the parser listens.
          socket.pause();
          socket.unshift(head);
          serveHttp1.call(server, socket);
          socket.resume();
          break;
        default:
          refuse(context, socket, outcome);
      }
    });
  });
  return { server, http1 };
}

type Refused = Exclude<FirstBytesOutcome, 'http2' | 'http1'>;

const TOKENS: Readonly<Record<Refused, RefusalToken>> = {
  tls: 'tls_on_plaintext_port',
  'proxy-v1': 'proxy_protocol_not_enabled',
  'proxy-v2': 'proxy_protocol_not_enabled',
  unknown: 'unknown_protocol',
  timeout: 'first_bytes_timeout',
  abandoned: 'first_bytes_abandoned',
};

function refuse(context: ServerContext, socket: Socket, outcome: Refused): void {
  const { source, handler } = context;
  const refusal = makeRefusal(source.listener, clientOf(socket, source), TOKENS[outcome]);
  if (outcome === 'abandoned') socket.destroy();
  else closeAfterFarewell(socket, outcome === 'tls' ? TLS_ALERT_PROTOCOL_VERSION : undefined);
  handler.onRefused(refusal);
}
