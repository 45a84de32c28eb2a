// How the admin server opens, and what it says to clients that do not speak HTTP.

import type { AddressInfo, Server } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address } from '../config/address.ts';
import { adminBindFailure } from './admin-bind-failure.ts';

/** How long the end waits for clients that are still reading an answer. */
export const CLOSE_GRACE_MS = 1_000;

export function refuseBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = statusOfBadRequest(error.code);
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
}

function statusOfBadRequest(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  return '400 Bad Request';
}

export function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(adminBindFailure(error, address));
    server.once('error', onError);
    const onListening = (): void => {
      server.removeListener('error', onError);
      resolve();
    };
    if (address.kind === 'unix') server.listen({ path: address.path }, onListening);
    else server.listen({ host: address.host, port: address.port }, onListening);
  });
}

export function boundAddress(server: Server, address: Address): Address {
  if (address.kind === 'unix') return address;
  const bound: AddressInfo | string | null = server.address();
  if (bound === null || typeof bound === 'string') return address;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { kind: 'tcp', host: bound.address, port: bound.port, text: `${host}:${bound.port}` };
}
