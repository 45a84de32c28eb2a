// Makes connections to endpoints: over TCP or a unix socket, plaintext or TLS. Knows nothing of HTTP/2.

import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address } from '../config/address.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { names } from '../names/name-lookup.ts';
import { READ_BUFFER } from '../transport/read-buffer.ts';

export interface DialEvents {
  /** The connection is open. What the endpoint speaks is not known yet. */
  onConnected(): void;
  /** Bytes from the endpoint. The chunk is valid only during the call. */
  onBytes(chunk: Buffer): void;
  /** Connecting failed, or the connection broke. The socket closes. */
  onFailed(diagnosis: Diagnosis): void;
}

export interface Dialer {
  /** Starts to connect. The returned socket may be written to at once. No event is emitted during the call. */
  dial(address: Address, events: DialEvents): Duplex;
}

/** The `onread` option for connect() of node:net and node:tls. */
export function sharedReads(events: DialEvents) {
  const callback = (size: number, buffer: Uint8Array): boolean => {
    if (buffer !== READ_BUFFER) throw new Error('onread used another buffer than it was given');
    events.onBytes(READ_BUFFER.subarray(0, size));
    return true;
  };
  return { buffer: READ_BUFFER, callback };
}

/** The destination options for connect() of node:net and node:tls. */
export function destination(address: Address) {
  if (address.kind === 'unix') return { path: address.path };
  return { host: address.host, port: address.port, lookup: names.lookup };
}

/** Sockets whose host name is still being looked up. */
const unnamed = new WeakSet<Duplex>();

/** Tracks the name lookup of a socket. Must be called with the socket right after connect() returned it. */
export function watchLookup(socket: Socket, address: Address): void {
  if (address.kind === 'unix' || isIP(address.host) !== 0) return;
  unnamed.add(socket);
  socket.once('lookup', () => unnamed.delete(socket));
}

/** Why a connection was not made in time, as a code for diagnoseConnectFailure. */
export function timeoutCode(socket: Duplex): 'dns_timeout' | 'connect_timeout' {
  return unnamed.has(socket) ? 'dns_timeout' : 'connect_timeout';
}

/**
 * How long one address of a name is given before the next one is tried, those of both families in turns (Happy Eyeballs, RFC 8305).
 * RFC 8305 recommends 250 ms, but lets the first attempt go on, which Node gives up.
 */
const NEXT_ADDRESS_AFTER_MS = 500;

export const socketOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
} as const;

export const tcpDialer: Dialer = {
  dial(address, events) {
    const socket = connect({ ...destination(address), ...socketOptions, onread: sharedReads(events) });
    watchLookup(socket, address);
    socket.once('connect', () => events.onConnected());
    socket.on('error', (error: NodeJS.ErrnoException) =>
      events.onFailed(diagnoseConnectFailure(error.code, address.text)),
    );
    return socket;
  },
};
