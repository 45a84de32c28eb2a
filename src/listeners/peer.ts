// Who is at the other end of an accepted connection. Made once for each connection, never changed.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type TrustedClients, UNIX_CLIENT } from './trusted-clients.ts';

export interface DownstreamPeer {
  /** Name of the listener that accepted the connection. */
  readonly listener: string;
  /** '1.2.3.4:567', '[::1]:5', or 'unix:' for a unix socket, whose clients have no address. */
  readonly client: string;
  /** The same without port and brackets; what x-forwarded-for holds. */
  readonly clientAddress: string;
  /** 'TLSv1.3', 'TLSv1.2', or '' in the clear. */
  readonly tls: string;
  /** The name the client called by SNI, in lower case, or ''. */
  readonly serverName: string;
  /** Whether the client is one of the listener's trustedClients. */
  readonly trusted: boolean;
}

/** What a listener knows of its clients before the first of them comes. */
export interface PeerSource {
  readonly listener: string;
  readonly isUnix: boolean;
  readonly isTrusted: TrustedClients;
}

export function describePlaintextPeer(socket: Socket, source: PeerSource): DownstreamPeer {
  const clientAddress = clientAddressOf(socket, source);
  return {
    listener: source.listener,
    client: withPort(clientAddress, socket.remotePort),
    clientAddress,
    tls: '',
    serverName: '',
    trusted: source.isTrusted(clientAddress),
  };
}

/** Only after the handshake: before it neither the version nor the name is known. */
export function describeTlsPeer(socket: TLSSocket, source: PeerSource): DownstreamPeer {
  return {
    ...describePlaintextPeer(socket, source),
    tls: socket.getProtocol() ?? '',
    serverName: typeof socket.servername === 'string' ? socket.servername.toLowerCase() : '',
  };
}

/** As `DownstreamPeer.client`, for a socket that never came so far; '' when the connection is gone already. */
export function clientOf(socket: Socket, source: PeerSource): string {
  return withPort(clientAddressOf(socket, source), socket.remotePort);
}

const MAPPED_IPV4 = '::ffff:';

/** A dual-stack listener sees IPv4 clients as ::ffff:1.2.3.4; people and CIDR lists say 1.2.3.4. */
function clientAddressOf(socket: Socket, source: PeerSource): string {
  if (source.isUnix) return UNIX_CLIENT;
  const address = socket.remoteAddress ?? '';
  return address.startsWith(MAPPED_IPV4) && address.includes('.')
    ? address.slice(MAPPED_IPV4.length)
    : address;
}

function withPort(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
