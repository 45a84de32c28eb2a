// What a TLS listener does with its connections: Node's http2 secure server does TLS and ALPN, on the connection's own
// handle; its HTTP/2 and HTTP/1.1 are never used, what it has decrypted goes up.
// Clients without TLS are recognised before OpenSSL sees them, unless they are just to be closed.

import { AsyncLocalStorage } from 'node:async_hooks';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { ListenerTlsConfig } from '../config/config.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import { tlsFailureToken } from '../diagnosis/tls-failure.ts';
import type { Certificate } from './certificates.ts';
import { reportRefusal } from './clear-connections.ts';
import { serveDecrypted } from './decrypted-connections.ts';
import { putBack } from './octet-reader.ts';
import { readOpening } from './opening.ts';
import { type ClientOrigin, describeTlsPeer, originOf } from './peer.ts';
import { buildSecureContexts, secureContextOptions } from './secure-contexts.ts';
import type { ServerContext } from './server-context.ts';
import { destroyOnError } from './socket-options.ts';
import { handleClearClient } from './tls-mismatch.ts';

/** For accepted sockets, half-open ones. Throws when OpenSSL does not accept a certificate. */
export function tlsAcceptor(
  context: ServerContext,
  tls: ListenerTlsConfig,
  certificates: readonly Certificate[],
): (socket: Socket) => void {
  const handshakes = new Handshakes(context, tls, certificates);
  if (context.source.mismatchPolicy === 'close' && context.isProxy === undefined) {
    return (socket) => handshakes.begin(socket, originOf(socket, context.source));
  }
  return (socket) =>
    readOpening(socket, context, (opened, opening) => {
      if (opening.outcome !== 'tls') handleClearClient(opened, opening, opening.outcome, context);
      else handshakes.begin(opened, opening.origin, opening.head);
    });
}

/** One connection on its way through the handshake. */
interface Handshake {
  readonly socket: Socket;
  readonly origin: ClientOrigin;
  /** Finished, or reported as failed. */
  isSettled: boolean;
}

/** The secure server never listens, and gets its connections from here. */
class Handshakes {
  readonly #context: ServerContext;
  readonly #server: Http2SecureServer;
  /**
   * Whose event is this? Node does not tell which connection a decrypted socket came from, a socket that is closed no
   * longer knows its client, and none knows what a PROXY header said.
   */
  readonly #current = new AsyncLocalStorage<Handshake>();

  constructor(context: ServerContext, tls: ListenerTlsConfig, certificates: readonly Certificate[]) {
    this.#context = context;
    this.#server = createSecureServer({
      ...secureContextOptions(certificates[0], tls.minVersion),
      ...sniOptions(certificates, tls),
      // By ALPN: "h2", then "http/1.1".
      allowHTTP1: true,
      handshakeTimeout: context.timeouts.tlsHandshakeMs,
    });
    // Node's own listeners would serve the one, and take the other for an error of HTTP/1.1.
    this.#server.removeAllListeners('secureConnection');
    this.#server.removeAllListeners('tlsClientError');
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#finish(socket));
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      socket.destroy();
      const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
      this.#fail(this.#current.getStore(), tlsFailureToken(error.code), reason);
    });
  }

  begin(socket: Socket, origin: ClientOrigin, head?: Buffer): void {
    const handshake: Handshake = { socket, origin, isSettled: false };
    // Closed by the client, it is outside of its context when Node reports that.
    socket.once('close', () => this.#fail(handshake, 'tls_handshake_abandoned'));
    // The decrypted socket takes this over.
    socket.allowHalfOpen = false;
    if (head !== undefined) putBack(socket, head);
    this.#current.run(handshake, () => this.#server.emit('connection', socket));
  }

  #finish(socket: TLSSocket): void {
    const handshake = this.#current.getStore();
    if (handshake === undefined || handshake.isSettled) {
      socket.destroy();
      return;
    }
    handshake.isSettled = true;
    socket.on('error', destroyOnError);
    const { source, openings } = this.#context;
    openings.begin(socket);
    openings.settle(handshake.socket);
    serveDecrypted(socket, describeTlsPeer(socket, handshake.origin, source), this.#context);
  }

  #fail(handshake: Handshake | undefined, token: RefusalToken, detail?: string): void {
    if (handshake === undefined || handshake.isSettled) return;
    handshake.isSettled = true;
    reportRefusal(this.#context, handshake.origin, token, detail);
  }
}

/** A single certificate needs no choice, and then OpenSSL need not stop the handshake to ask for one. */
function sniOptions(certificates: readonly Certificate[], tls: ListenerTlsConfig): TlsOptions {
  if (certificates.length === 1) return {};
  const selectContext = buildSecureContexts(certificates, tls.minVersion);
  return { SNICallback: (serverName, choose) => choose(null, selectContext(serverName)) };
}
