// The two ends of a socket, as reports show them.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

export interface SocketEnd {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
}

export interface SocketEnds {
  /** Undefined for a Unix socket, and before the socket is connected. */
  readonly local?: SocketEnd;
  readonly remote?: SocketEnd;
  /** The standard name of the cipher suite: 'TLS_AES_128_GCM_SHA256'. Undefined for plaintext. */
  readonly cipher?: string;
}

export function socketEndsOf(socket: Duplex): SocketEnds {
  if (!(socket instanceof Socket)) return {};
  const local = endOf(socket.localAddress, socket.localPort);
  const remote = endOf(socket.remoteAddress, socket.remotePort);
  // Undefined on a socket that is closed, although the types say otherwise.
  const cipher: { readonly standardName: string } | undefined =
    socket instanceof TLSSocket ? socket.getCipher() : undefined;
  return {
    ...(local && { local }),
    ...(remote && { remote }),
    ...(cipher && { cipher: cipher.standardName }),
  };
}

function endOf(address: string | undefined, port: number | undefined): SocketEnd | undefined {
  return address === undefined || port === undefined ? undefined : { address, port };
}
