// Who is at the other end of an accepted connection. Made once for each connection, never changed.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { MismatchPolicy } from '../config/config.ts';
import { type TrustedClients, UNIX_CLIENT } from './trusted-clients.ts';

export interface DownstreamPeer {
  /** Name of the listener that accepted the connection. */
  readonly listener: string;
  /** The port the listener is bound to; undefined for a unix socket. */
  readonly port: number | undefined;
  /** '1.2.3.4:567', '[::1]:5', or 'unix:' for a unix socket, whose clients have no address. */
  readonly client: string;
  /** The same without port and brackets; what x-forwarded-for holds. */
  readonly clientAddress: string;
  /** 'TLSv1.3', 'TLSv1.2', or '' in the clear. */
  readonly tls: string;
  /** What ALPN chose; '' in the clear, and for TLS clients that offered nothing. */
  readonly alpn: 'h2' | 'http/1.1' | '';
  /** The name the client called by SNI, in lower case, or ''. */
  readonly serverName: string;
  /** Whether the client is one of the listener's trustedClients. */
  readonly trusted: boolean;
  /** What the client did wrong. Its connection is to be answered with an explanation, and with nothing else. */
  readonly mismatch: 'plaintext_on_tls_port' | undefined;
  /** The listener's, for what is found out later. */
  readonly mismatchPolicy: MismatchPolicy;
}

/** What a listener knows of its clients before the first of them comes. */
export interface PeerSource {
  readonly listener: string;
  readonly isUnix: boolean;
  readonly isTrusted: TrustedClients;
  readonly mismatchPolicy: MismatchPolicy;
  /** Known once the listener is bound. */
  port(): number | undefined;
}

/** Where a client is: at the other end of its socket, or where a PROXY header says. */
export interface ClientOrigin {
  /** As `DownstreamPeer.clientAddress`; '' when the connection was gone before it could be asked. */
  readonly address: string;
  readonly port: number | undefined;
}

/** Takes an accepted socket, which is half-open, and whose other end is there. */
export type Serve = (socket: Socket, origin: ClientOrigin) => void;

/** Asked at accept, and once: a socket that is closed no longer knows. */
export function originOf(socket: Socket, source: Pick<PeerSource, 'isUnix'>): ClientOrigin {
  if (source.isUnix) return { address: UNIX_CLIENT, port: undefined };
  return { address: withoutMapping(socket.remoteAddress ?? ''), port: socket.remotePort };
}

export function describePlaintextPeer(origin: ClientOrigin, source: PeerSource): DownstreamPeer {
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

/** Only after the handshake: before it neither the version nor the name is known. */
export function describeTlsPeer(socket: TLSSocket, origin: ClientOrigin, source: PeerSource): DownstreamPeer {
  const { alpnProtocol, servername } = socket;
  return {
    ...describePlaintextPeer(origin, source),
    tls: socket.getProtocol() ?? '',
    alpn: alpnProtocol === 'h2' || alpnProtocol === 'http/1.1' ? alpnProtocol : '',
    serverName: typeof servername === 'string' ? servername.toLowerCase() : '',
  };
}

/** As `DownstreamPeer.client`. */
export function clientOf({ address, port }: ClientOrigin): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const MAPPED_IPV4 = '::ffff:';

/** A dual-stack listener sees IPv4 clients as ::ffff:1.2.3.4; people and CIDR lists say 1.2.3.4. */
function withoutMapping(address: string): string {
  return address.startsWith(MAPPED_IPV4) && address.includes('.')
    ? address.slice(MAPPED_IPV4.length)
    : address;
}
