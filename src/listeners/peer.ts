// Describes the client of an accepted connection. Created once for each connection, never changed.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { MismatchPolicy } from '../config/config.ts';
import type { ClientCertificate } from './client-certificate.ts';
import { type TrustedClients, UNIX_CLIENT } from './trusted-clients.ts';

export interface ListenerPeer {
  /** The name of the listener that accepted the connection. */
  readonly listener: string;
  /** The port the listener is bound to. Undefined for a unix socket. */
  readonly port: number | undefined;
  /** '1.2.3.4:567', '[::1]:5', or 'unix:' for a unix socket, whose clients have no address. */
  readonly client: string;
  /** The address of `client` without port and brackets, as in x-forwarded-for. */
  readonly clientAddress: string;
  /** 'TLSv1.3', 'TLSv1.2', or '' for plaintext. */
  readonly tls: string;
  /** The protocol that ALPN chose. '' for plaintext, and for TLS clients without ALPN. */
  readonly alpn: 'h2' | 'http/1.1' | '';
  /** The server name from SNI in lower case, or ''. */
  readonly serverName: string;
  /** Undefined if the client has shown none that is valid. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** Why the certificate that the client has shown is not valid, in the words of OpenSSL. Undefined if it has shown none, or a valid one. */
  readonly clientCertificateFault?: string | undefined;
  /** Undefined if services are told of no certificate. */
  readonly forwardedCertificate?: ForwardedCertificate | undefined;
  /** Whether the client is one of the listener's trustedClients. */
  readonly trusted: boolean;
  /** The client's mistake, if any. Every request on its connection must be answered with an explanation. */
  readonly mismatch: 'plaintext_on_tls_port' | undefined;
  /** The listener's policy, for mismatches that are found later. */
  readonly mismatchPolicy: MismatchPolicy;
}

/** What services are told of the certificate of a client. */
export interface ForwardedCertificate {
  /** An element of x-forwarded-client-cert. */
  readonly element: string;
  /** Whether an x-forwarded-client-cert of a trusted client goes on without it. */
  readonly isOnlyInPlace: boolean;
}

/** What a listener knows about its clients before they connect. */
export interface PeerSource {
  readonly listener: string;
  readonly isUnix: boolean;
  readonly isTrusted: TrustedClients;
  readonly mismatchPolicy: MismatchPolicy;
  /** The port of the listener. Known once it is bound. */
  port(): number | undefined;
}

/** The address of a client: that of its socket, or the one in a PROXY header. */
export interface ClientOrigin {
  /** As `ListenerPeer.clientAddress`. '' when the connection was closed before its address was read. */
  readonly address: string;
  readonly port: number | undefined;
}

/** Serves an accepted socket, which is half-open. `origin` is the other end of the socket. */
export type Serve = (socket: Socket, origin: ClientOrigin) => void;

/** Must be called once, at accept: a closed socket no longer knows its address. */
export function originOf(socket: Socket, source: Pick<PeerSource, 'isUnix'>): ClientOrigin {
  if (source.isUnix) return { address: UNIX_CLIENT, port: undefined };
  return { address: withoutMapping(socket.remoteAddress ?? ''), port: socket.remotePort };
}

export function describePlaintextPeer(origin: ClientOrigin, source: PeerSource): ListenerPeer {
  return {
    listener: source.listener,
    port: source.port(),
    client: clientOf(origin),
    clientAddress: origin.address,
    tls: '',
    alpn: '',
    serverName: '',
    trusted: source.isTrusted(origin.address),
    mismatch: undefined,
    mismatchPolicy: source.mismatchPolicy,
  };
}

/** Must be called after the handshake: before it neither the version nor the name is known. */
export function describeTlsPeer(socket: TLSSocket, origin: ClientOrigin, source: PeerSource): ListenerPeer {
  const { alpnProtocol, servername } = socket;
  return {
    ...describePlaintextPeer(origin, source),
    tls: socket.getProtocol() ?? '',
    alpn: alpnProtocol === 'h2' || alpnProtocol === 'http/1.1' ? alpnProtocol : '',
    serverName: typeof servername === 'string' ? servername.toLowerCase() : '',
  };
}

/** As `ListenerPeer.client`. */
export function clientOf({ address, port }: ClientOrigin): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const MAPPED_IPV4 = '::ffff:';

/** Removes the IPv4 mapping. A dual-stack listener sees IPv4 clients as ::ffff:1.2.3.4, but people and CIDR lists write 1.2.3.4. */
function withoutMapping(address: string): string {
  return address.startsWith(MAPPED_IPV4) && address.includes('.')
    ? address.slice(MAPPED_IPV4.length)
    : address;
}
