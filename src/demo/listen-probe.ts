// Tests an address before the gRPC server binds it, because grpc-js reports a port in use as a sentence and also logs it, while
// Node reports it as a code.

import { connect, createServer, type ListenOptions } from 'node:net';

/** @param address 'host:port', '[ipv6]:port' or 'unix:/path' */
export function parseListenAddress(address: string): ListenOptions & { readonly path?: string } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`"${address}" is not an address; write host:port, [ipv6]:port or unix:/path`);
  }
  return { host: match[1] ?? match[2], port };
}

/** Rejects with Node's own error (`code` EADDRINUSE, EACCES, EADDRNOTAVAIL) if the address cannot be bound. */
export function assertCanListen(address: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const server = createServer();
  server.once('error', reject);
  server.listen({ ...parseListenAddress(address), exclusive: true }, () => server.close(() => resolve()));
  return promise;
}

export function isSomethingListening(address: string): Promise<boolean> {
  const { path, host, port } = parseListenAddress(address);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket =
    path === undefined ? connect({ host: host ?? 'localhost', port: port ?? 0 }) : connect({ path });
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  socket.once('error', () => resolve(false));
  return promise;
}
