// A TLS listener's server: Node's http2 secure server does TLS, ALPN and HTTP/1.1; its HTTP/2 is never used.
// Connections that chose h2 go up as decrypted sockets.

import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { ListenerTlsConfig } from '../config/config.ts';
import { tlsFailureToken } from '../diagnosis/tls-failure.ts';
import type { Certificate } from './certificates.ts';
import { Http1Side, http1Options } from './http1-side.ts';
import { clientOf, describeTlsPeer } from './peer.ts';
import { makeRefusal } from './refusal.ts';
import { buildSecureContexts, secureContextOptions } from './secure-contexts.ts';
import type { ServerContext } from './server-context.ts';
import { destroyOnError, socketOptions } from './socket-options.ts';

export interface TlsServer {
  readonly server: Http2SecureServer;
  readonly http1: Http1Side;
}

/** Not yet listening. Throws when OpenSSL does not accept a certificate. */
export function createTlsServer(
  context: ServerContext,
  tls: ListenerTlsConfig,
  certificates: readonly Certificate[],
): TlsServer {
  const server = createSecureServer({
    ...socketOptions,
    ...secureContextOptions(certificates[0], tls.minVersion),
    ...sniOptions(certificates, tls),
    allowHTTP1: true,
    http1Options: http1Options(context.timeouts.http1HeadersMs),
    handshakeTimeout: context.timeouts.tlsHandshakeMs,
  });
  const http1 = new Http1Side(server, context.http1);
  const [serveHttp1] = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  // Node's own listener of this event would report TLS failures as HTTP/1.1 client errors.
  server.removeAllListeners('tlsClientError');
  server.on('connection', (socket: Socket) => socket.on('error', destroyOnError));
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', destroyOnError);
    const peer = describeTlsPeer(socket, context.source);
    if (socket.alpnProtocol === 'h2') {
      context.handler.onHttp2(socket, peer, undefined);
      return;
    }
    http1.adopt(socket, peer);
    serveHttp1.call(server, socket);
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    refuseHandshake(context, error, socket);
  });
  return { server, http1 };
}

/** A single certificate needs no choice, and then OpenSSL need not stop the handshake to ask for one. */
function sniOptions(certificates: readonly Certificate[], tls: ListenerTlsConfig): TlsOptions {
  if (certificates.length === 1) return {};
  const selectContext = buildSecureContexts(certificates, tls.minVersion);
  return { SNICallback: (serverName, choose) => choose(null, selectContext(serverName)) };
}

function refuseHandshake(context: ServerContext, error: NodeJS.ErrnoException, socket: TLSSocket): void {
  const { source, handler } = context;
  const client = clientOf(socket, source);
  socket.destroy();
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  handler.onRefused(makeRefusal(source.listener, client, tlsFailureToken(error.code), reason));
}
