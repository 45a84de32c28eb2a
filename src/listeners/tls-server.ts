// What a TLS listener does with its connections. Node's secure HTTP/2 server does TLS and ALPN on the connection's own handle;
// its HTTP/2 and HTTP/1.1 are never used, and the decrypted connection is handed up. Plaintext clients are recognised before
// OpenSSL sees them, unless they are only to be closed.

import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { CertificateForwarding, ListenerTlsConfig } from '../config/config.ts';
import { printableServerName } from '../diagnosis/client-hello.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import { tlsFailureToken } from '../diagnosis/tls-failure.ts';
import { putBack } from './byte-reader.ts';
import { certificateElement } from './certificate-element.ts';
import type { Certificate } from './certificates.ts';
import { reportRefusal } from './clear-connections.ts';
import type { ClientAuthorities } from './client-authorities.ts';
import { type ClientCertificate, clientCertificateOf, isClientCertificate } from './client-certificate.ts';
import { serveDecrypted } from './decrypted-connections.ts';
import { readOpening } from './opening.ts';
import {
  type ClientOrigin,
  describeTlsPeer,
  type ForwardedCertificate,
  type ListenerPeer,
  type Serve,
} from './peer.ts';
import { buildSecureContexts, type SelectContext, secureContextOptions } from './secure-contexts.ts';
import type { ServerContext } from './server-context.ts';
import { destroyOnError, letGo } from './socket-options.ts';
import { TLS_ALERT_UNRECOGNIZED_NAME } from './tls-alert.ts';
import { handleClearClient } from './tls-mismatch.ts';

/** The contents of the files that the TLS settings of a listener name. */
export interface TlsFiles {
  readonly certificates: readonly Certificate[];
  /** Undefined if clients are not asked for certificates. */
  readonly authorities: ClientAuthorities | undefined;
}

/** The function that serves accepted sockets, which must be half-open. Throws when OpenSSL does not accept a certificate. */
export function tlsAcceptor(context: ServerContext, tls: ListenerTlsConfig, files: TlsFiles): Serve {
  const handshakes = new Handshakes(context, tls, files);
  if (context.source.mismatchPolicy === 'close' && context.isProxy === undefined) {
    return (socket, origin) => handshakes.begin(socket, origin);
  }
  return (socket, origin) =>
    readOpening(socket, origin, context, (opened, opening) => {
      if (opening.outcome !== 'tls') handleClearClient(opened, opening, opening.outcome, context);
      else handshakes.begin(opened, opening.origin, opening.head);
    });
}

/** A connection during its handshake. */
interface Handshake {
  readonly socket: Socket;
  readonly origin: ClientOrigin;
  /** The handshake is finished, or was reported as failed. */
  isSettled: boolean;
}

/** The handshakes of a listener. The secure server never listens and is given its connections here. */
class Handshakes {
  readonly #context: ServerContext;
  readonly #server: Http2SecureServer;
  /**
   * The handshake to which an event belongs. Node does not say which connection a decrypted socket came from, a closed socket no
   * longer knows its client, and no socket knows what a PROXY header said.
   */
  readonly #current = new AsyncLocalStorage<Handshake>();
  /** Undefined for a single certificate, which needs no choice: OpenSSL then need not pause the handshake to ask for one. */
  readonly #selectContext: SelectContext | undefined;
  readonly #isNameRequired: boolean;
  readonly #authorities: ClientAuthorities | undefined;
  readonly #forward: CertificateForwarding | undefined;
  #ticketKeys: Buffer;

  constructor(context: ServerContext, tls: ListenerTlsConfig, { certificates, authorities }: TlsFiles) {
    this.#context = context;
    this.#authorities = authorities;
    this.#forward = tls.clientAuth?.forward;
    this.#isNameRequired = tls.unknownServerName === 'refuse';
    const isChoiceNeeded = certificates.length > 1 || this.#isNameRequired;
    this.#selectContext = isChoiceNeeded
      ? buildSecureContexts(certificates, tls.minVersion, authorities)
      : undefined;
    this.#ticketKeys = context.ticketKeys.current;
    this.#server = createSecureServer({
      ...secureContextOptions(certificates[0], tls.minVersion, authorities),
      // Certificates that are not valid are refused in #finish, which knows why they are not.
      requestCert: authorities !== undefined,
      rejectUnauthorized: false,
      ...this.#nameOptions(this.#selectContext),
      // ALPN offers "h2", then "http/1.1".
      allowHTTP1: true,
      handshakeTimeout: context.timeouts.tlsHandshakeMs,
      // With a context of another certificate, OpenSSL still takes these two from here.
      ticketKeys: this.#ticketKeys,
      sessionIdContext: sessionIdContext(context.source.listener, tls, authorities),
    });
    this.#staple(certificates);
    // Node's own listeners would serve the first event's connections, and treat the second event as an HTTP/1.1 error.
    this.#server.removeAllListeners('secureConnection');
    this.#server.removeAllListeners('tlsClientError');
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#run(socket, () => this.#finish(socket)));
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) =>
      this.#run(socket, () => {
        socket.destroy();
        const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
        this.#fail(this.#current.getStore(), tlsFailureToken(error.code), reason);
      }),
    );
  }

  #run(socket: Socket | undefined, action: () => void): void {
    this.#context.containment.run(() => socket?.destroy(), action);
  }

  #nameOptions(selectContext: SelectContext | undefined): TlsOptions {
    if (selectContext === undefined) return {};
    return {
      SNICallback: (serverName, choose) =>
        this.#run(this.#current.getStore()?.socket, () => {
          const context = selectContext(serverName);
          if (context === undefined && this.#isNameRequired) this.#refuseName(serverName);
          else choose(null, context);
        }),
    };
  }

  /** Ends a handshake that waits for a certificate. Everything sent so far was plaintext, so the alert is too. */
  #refuseName(serverName: string): void {
    const handshake = this.#current.getStore();
    this.#fail(handshake, 'unknown_server_name', `SNI ${printableServerName(serverName)}`);
    handshake?.socket.end(TLS_ALERT_UNRECOGNIZED_NAME, () => handshake.socket.destroy());
  }

  /** Installs OCSP stapling, if there is a response to staple: with a listener, OpenSSL pauses every handshake that asks for one. */
  #staple(certificates: readonly Certificate[]): void {
    const staples = certificates.flatMap(({ leaf, staple }) =>
      staple === undefined ? [] : [{ certificate: leaf.raw, staple }],
    );
    if (staples.length === 0) return;
    this.#server.on('OCSPRequest', (chosen, _issuer, answer) =>
      this.#run(this.#current.getStore()?.socket, () => {
        const staple = staples.find(({ certificate }) => certificate.equals(chosen))?.staple;
        const isServed = staple !== undefined && staple.whyNotServed(Date.now()) === undefined;
        answer(null, isServed ? staple.der : null);
      }),
    );
  }

  begin(socket: Socket, origin: ClientOrigin, head?: Buffer): void {
    this.#useTicketKeys(this.#context.ticketKeys.current);
    const handshake: Handshake = { socket, origin, isSettled: false };
    // When the client closes the connection, Node reports that outside of this handshake's context.
    socket.on('close', () => this.#run(socket, () => this.#fail(handshake, 'tls_handshake_abandoned')));
    // The decrypted socket inherits this.
    socket.allowHalfOpen = false;
    if (head !== undefined) putBack(socket, head);
    this.#current.run(handshake, () => this.#server.emit('connection', socket));
  }

  #useTicketKeys(keys: Buffer): void {
    if (keys === this.#ticketKeys) return;
    this.#ticketKeys = keys;
    this.#server.setTicketKeys(keys);
  }

  #finish(socket: TLSSocket): void {
    const handshake = this.#current.getStore();
    if (handshake === undefined || handshake.isSettled) {
      socket.destroy();
      return;
    }
    if (this.#isNameRequired && this.#isResumedUnderUnknownName(socket)) {
      socket.destroy();
      this.#fail(handshake, 'unknown_server_name', 'in a resumed session');
      return;
    }
    const found = this.#authorities && clientCertificateOf(socket, Date.now());
    const clientCertificate = found !== undefined && isClientCertificate(found) ? found : undefined;
    if (this.#authorities?.isRequired === true && clientCertificate === undefined) {
      socket.destroy();
      this.#failCertificate(handshake, found);
      return;
    }
    handshake.isSettled = true;
    socket.on('error', destroyOnError);
    socket.on('close', letGo);
    const { source, openings } = this.#context;
    const described = describeTlsPeer(socket, handshake.origin, source);
    const peer =
      clientCertificate === undefined
        ? withFault(described, found)
        : {
            ...described,
            clientCertificate,
            forwardedCertificate: this.#forwardedOf(socket, clientCertificate),
          };
    // An HTTP/2 connection is handed up at once, so it need not be added.
    if (peer.alpn !== 'h2') openings.begin(socket);
    serveDecrypted(socket, peer, this.#context);
    openings.settle(handshake.socket);
  }

  /** What services are told of the certificate. Undefined if nothing. */
  #forwardedOf(socket: TLSSocket, read: ClientCertificate): ForwardedCertificate | undefined {
    const client = this.#forward === undefined ? undefined : socket.getPeerX509Certificate();
    if (this.#forward === undefined || client === undefined) return undefined;
    // Where a session is resumed, no certificate is chosen, so which one the client knows is not known.
    const isChosen = this.#selectContext === undefined || !socket.isSessionReused();
    const own = isChosen ? socket.getX509Certificate() : undefined;
    const { fields, fromTrustedClients } = this.#forward;
    const element = certificateElement(fields, { client, read, own });
    return element === undefined ? undefined : { element, isOnlyInPlace: fromTrustedClients === 'keep' };
  }

  /**
   * Whether a session was resumed with a name that no certificate covers: no certificate is chosen on resumption. With TLS 1.2
   * the name is not sent again; it was accepted when the session began.
   */
  #isResumedUnderUnknownName(socket: TLSSocket): boolean {
    const { servername } = socket;
    return (
      typeof servername === 'string' &&
      socket.isSessionReused() &&
      this.#selectContext?.(servername) === undefined
    );
  }

  #failCertificate(handshake: Handshake, found: ReturnType<typeof clientCertificateOf> | undefined): void {
    if (found === undefined || found === 'missing') this.#fail(handshake, 'client_certificate_missing');
    else if ('detail' in found) this.#fail(handshake, 'client_certificate_not_trusted', found.detail);
  }

  #fail(handshake: Handshake | undefined, token: RefusalToken, detail?: string): void {
    if (handshake === undefined || handshake.isSettled) return;
    handshake.isSettled = true;
    reportRefusal(this.#context, handshake.origin, token, detail);
  }
}

/** Where certificates are only asked for, the records of calls say why one that was shown does not count. */
function withFault(
  peer: ListenerPeer,
  found: ReturnType<typeof clientCertificateOf> | undefined,
): ListenerPeer {
  return found !== undefined && found !== 'missing' && 'detail' in found
    ? { ...peer, clientCertificateFault: found.detail }
    : peer;
}

/** The context in which sessions may be resumed: only at the same listener, under the same rules. OpenSSL takes at most 32 bytes. */
function sessionIdContext(
  listener: string,
  { minVersion, unknownServerName }: ListenerTlsConfig,
  authorities: ClientAuthorities | undefined,
): string {
  // With other authorities, or when some certificate has been revoked, every client is verified anew.
  const rules = JSON.stringify([listener, minVersion, unknownServerName, authorities?.digest]);
  return createHash('sha256').update(rules).digest('hex').slice(0, 32);
}
