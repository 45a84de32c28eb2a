// Binds a server to its address, or to a socket that systemd has opened, and explains in a sentence why that failed and what to
// do. A unix socket's file is removed only when it is a socket on which no process accepts any more.

import { existsSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect, type ListenOptions, type Server } from 'node:net';
import { dirname } from 'node:path';
import type { Address } from '../config/address.ts';
import type { ListenerConfig } from '../config/config.ts';
import { systemErrorWords } from '../config/system-error.ts';
import { inheritedSockets } from '../service-manager/inherited-sockets.ts';
import { unixSocketPath } from '../service-manager/unix-socket-path.ts';
import { withSocketMode } from './socket-mode.ts';

export interface BoundAddress {
  readonly address: string;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
}

/**
 * The backlog for an inherited socket: as high as possible, so that the size in the systemd unit stays. Node's own 511 would
 * reduce it. The system limits the value.
 */
const inheritedBacklog = 65_535;

/**
 * Binds the server. `mode`, if given, becomes the mode of the unix socket's file. Rejects with an Error whose message names the
 * listener, what is wrong and what to do.
 */
export async function bind(
  server: Server,
  { address, name: listener, mode }: Pick<ListenerConfig, 'address' | 'name' | 'mode'>,
): Promise<BoundAddress> {
  if (address.kind === 'systemd') return bindToInherited(server, address.socketName, listener);
  const listenThere = () => withSocketMode(mode, () => listen(server, listenOptions(address)));
  try {
    await listenThere();
  } catch (error) {
    if (address.kind !== 'unix' || codeOf(error) !== 'EADDRINUSE' || !(await isStaleSocket(address.path))) {
      throw bindError(error, address, listener);
    }
    await unlink(address.path).catch(() => undefined);
    await listenThere().catch((second: unknown) => {
      throw bindError(second, address, listener);
    });
  }
  return boundAddress(server, address.text);
}

async function bindToInherited(server: Server, name: string, listener: string): Promise<BoundAddress> {
  try {
    const fd = inheritedSockets().claim(name);
    await listen(server, { fd, backlog: inheritedBacklog });
    const path = unixSocketPath(fd);
    return boundAddress(server, path === undefined ? `systemd:${name}` : `unix:${path}`);
  } catch (error) {
    const sentence = describeInheritedFailure(error);
    throw new Error(`listener '${listener}' cannot use systemd:${name}: ${sentence}`, { cause: error });
  }
}

function boundAddress(server: Server, addressOfUnixSocket: string): BoundAddress {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return { address: addressOfUnixSocket, port: undefined };
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { address: `${host}:${bound.port}`, port: bound.port };
}

/** Where to listen. Node's types do not include `fd`. */
type ListenTarget = ListenOptions | { readonly fd: number; readonly backlog: number };

function listenOptions(address: Address): ListenTarget {
  return address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
}

function listen(server: Server, target: ListenTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const onListening = (): void => {
      server.removeListener('error', onError);
      resolve();
    };
    const onError = (error: Error): void => {
      server.removeListener('listening', onListening);
      reject(error);
    };
    server.once('listening', onListening);
    server.once('error', onError);
    server.listen(target);
  });
}

async function isStaleSocket(path: string): Promise<boolean> {
  const isSocket = await lstat(path).then(
    (status) => status.isSocket(),
    () => false,
  );
  if (!isSocket) return false;
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    // Only a refusal proves that no process accepts there. A full backlog or a lack of permission does not.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function bindError(error: unknown, address: Address, listener: string): Error {
  const sentence = describeBindFailure(codeOf(error), error, address);
  return new Error(`listener '${listener}' cannot listen on ${address.text}: ${sentence}`, { cause: error });
}

function describeInheritedFailure(error: unknown): string {
  switch (codeOf(error)) {
    case 'EINVAL':
    case 'ENOTSOCK':
    case 'EBADF':
    case 'EOPNOTSUPP':
    case 'ERR_INVALID_FD_TYPE':
      return 'this is no listening stream socket; its .socket unit needs ListenStream= and Accept=no';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function describeBindFailure(code: string, error: unknown, address: Address): string {
  const isUnix = address.kind === 'unix';
  switch (code) {
    case 'EADDRINUSE':
      return isUnix
        ? 'something accepts connections there already, or a file that is no socket has this name; stop the other process, or choose another path'
        : `something listens there already; find it with \`ss -ltnp 'sport = :${address.port}'\`, or choose another port`;
    case 'EACCES':
    case 'EPERM':
      return describeForbidden(address);
    case 'EADDRNOTAVAIL':
      return 'no network interface of this machine has this address; use 0.0.0.0 or [::] for all of them';
    case 'ENOTFOUND':
      return 'the name is unknown; write an address, or a name that this machine resolves to its own address';
    case 'ENOENT':
      return missingFolder;
    default:
      return systemErrorWords(code) ?? (error instanceof Error ? error.message : String(error));
  }
}

const missingFolder =
  'the folder does not exist; make it, with write permission for the user of this process';

function describeForbidden(address: Address): string {
  if (address.kind === 'unix' && !existsSync(dirname(address.path))) {
    // libuv reports ENOENT as EACCES here.
    return missingFolder;
  }
  if (address.kind === 'unix') return 'permission denied; may the user of this process write to the folder?';
  if (address.port > 0 && address.port < 1024) {
    return 'permission denied; ports below 1024 need the capability CAP_NET_BIND_SERVICE (AmbientCapabilities= in a systemd unit), a systemd socket, or a port from 1024 up';
  }
  return 'permission denied; a security policy of this machine (SELinux, a container) forbids this port';
}
