// A connection to an endpoint of an HTTP/1.1 upstream: TCP or a unix socket, in plaintext or over TLS. It is given to a request
// only when it is there, so that a request that failed before was never sent. Certificates are verified, always.

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Address } from '../../config/config.ts';
import { destination, socketOptions, timeoutCode, watchLookup } from '../dial.ts';
import { tlsErrorCode, type UpstreamTls, upstreamServerName } from '../upstream-tls.ts';

/** Why there is no connection: `code` as diagnoseConnectFailure takes it. */
export class ConnectError extends Error {
  readonly code: string | undefined;

  constructor(code: string | undefined, cause?: unknown) {
    super(`no connection (${code ?? 'no reason given'})`, { cause });
    this.code = code;
  }
}

/** A connection that is being made. */
export interface Dial {
  /** Nobody wants it any more. Nothing happens where it was made, or has failed. */
  cancel(): void;
}

/** `code` of a ConnectError. */
export const CANCELLED = 'cancelled';

/** @param done called once, never during the call, nor while it is cancelled */
export function connectEndpoint(
  address: Address,
  tls: UpstreamTls | undefined,
  timeoutMs: number,
  done: (error: ConnectError | undefined, socket: Socket) => void,
): Dial {
  const socket = tls === undefined ? connect(optionsFor(address)) : secureSocket(address, tls);
  watchLookup(socket, address);
  const timer = setTimeout(() => fail(new ConnectError(timeoutCode(socket))), timeoutMs);
  let isOver = false;
  const fail = (error: ConnectError): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    socket.removeListener('error', onError);
    socket.on('error', ignore);
    socket.destroy();
    done(error, socket);
  };
  const onError = (error: NodeJS.ErrnoException): void => fail(new ConnectError(tlsErrorCode(error), error));
  socket.once('error', onError);
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    socket.removeListener('error', onError);
    done(undefined, socket);
  });
  return {
    cancel: () => {
      if (!isOver) process.nextTick(() => fail(new ConnectError(CANCELLED)));
    },
  };
}

function optionsFor(address: Address) {
  return { ...destination(address), ...socketOptions };
}

function secureSocket(address: Address, { secureContext, config }: UpstreamTls): TLSSocket {
  const servername = upstreamServerName(config, address);
  // A variable of its own: the types of node:tls lack the options it hands on to node:net.
  const options = {
    ...optionsFor(address),
    secureContext,
    ALPNProtocols: ['http/1.1'],
    ...(servername === undefined ? {} : { servername }),
  };
  return connectTls(options);
}

function ignore(): void {
  // It was told already.
}
