// Makes a connection to an endpoint of an HTTP/1.1 upstream: over TCP or a unix socket, plaintext or TLS. A request gets the
// connection only once it is open, so a request that failed before was never sent. Certificates are always verified.

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Address } from '../../config/address.ts';
import { destination, socketOptions, timeoutCode, watchLookup } from '../dial.ts';
import { tlsErrorCode, type UpstreamTls, upstreamServerName } from '../upstream-tls.ts';

/** Why there is no connection. `code` is one that diagnoseConnectFailure takes. */
export class ConnectError extends Error {
  readonly code: string | undefined;

  constructor(code: string | undefined, cause?: unknown) {
    super(`no connection (${code ?? 'no reason given'})`, { cause });
    this.code = code;
  }
}

/** A connection that is being made. */
export interface Dial {
  /** Gives the connection up. Has no effect when it was made or has failed. */
  cancel(): void;
}

/** The `code` of a ConnectError after Dial.cancel. */
export const CANCELLED = 'cancelled';

/** @param done is called once, never during this call or during `cancel` */
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
  // A separate variable, because node:tls's types lack the options that it passes to node:net.
  const options = {
    ...optionsFor(address),
    secureContext,
    ALPNProtocols: ['http/1.1'],
    ...(servername === undefined ? {} : { servername }),
  };
  return connectTls(options);
}

function ignore(): void {
  // The error was already reported.
}
