// Where the connections of a listener come from: a socket of its own, or another process that accepts for it. It knows
// nothing of what is spoken on them.

import { createServer, type Server, type Socket } from 'node:net';
import type { ListenerConfig } from '../config/config.ts';
import { bind } from './bind.ts';
import { socketOptions } from './socket-options.ts';

export interface ConnectionSink {
  /** Half-open sockets; nothing has been read from them. */
  accept(socket: Socket): void;
  /** One could not be accepted; the next may be. */
  fail(error: Error): void;
}

export interface ConnectionSource {
  /** Where it really listens: '127.0.0.1:8443', '[::]:8443' (port 0 resolved), or 'unix:/path'. */
  readonly address: string;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
  /** No more connections, at once. May be called twice. */
  close(): void;
}

export type OpenSource = (config: ListenerConfig, sink: ConnectionSink) => Promise<ConnectionSource>;

/** Rejects with an Error that names the listener, what is wrong, and what to do. */
export const openOwnSocket: OpenSource = (config, sink) => openSocket(config, sink, false);

/** The same; its sockets are not read from in this process. */
export const openSocketForOthers: OpenSource = (config, sink) => openSocket(config, sink, true);

async function openSocket(
  config: ListenerConfig,
  sink: ConnectionSink,
  pauseOnConnect: boolean,
): Promise<ConnectionSource> {
  const server: Server = createServer({ ...socketOptions, allowHalfOpen: true, pauseOnConnect }, (socket) =>
    sink.accept(socket),
  );
  // After binding, Node reports failures to accept here; the listener goes on.
  server.on('error', (error: Error) => {
    if (server.listening) sink.fail(error);
  });
  const bound = await bind(server, config);
  return { ...bound, close: () => server.close() };
}
