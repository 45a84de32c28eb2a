// Where a listener's connections come from: its own socket, or another process that accepts for it. A source knows nothing of the
// protocols spoken on them.

import { createServer, type Server, type Socket } from 'node:net';
import type { ListenerConfig } from '../config/config.ts';
import { bind } from './bind.ts';
import { socketOptions } from './socket-options.ts';

export interface ConnectionSink {
  /** Takes an accepted socket. The socket is half-open and unread. */
  accept(socket: Socket): void;
  /** A connection could not be accepted. Later ones may be. */
  fail(error: Error): void;
}

export interface ConnectionSource {
  /** The bound address: '127.0.0.1:8443', '[::]:8443' (port 0 resolved), or 'unix:/path'. */
  readonly address: string;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
  /** Stops accepting at once. May be called twice. */
  close(): void;
}

export type OpenSource = (config: ListenerConfig, sink: ConnectionSink) => Promise<ConnectionSource>;

/** Rejects with an Error that names the listener, what is wrong, and what to do. */
export const openOwnSocket: OpenSource = (config, sink) => openSocket(config, sink, false);

/** As openOwnSocket, for sockets that another process reads from: they are paused. */
export const openSocketForOthers: OpenSource = (config, sink) => openSocket(config, sink, true);

async function openSocket(
  config: ListenerConfig,
  sink: ConnectionSink,
  pauseOnConnect: boolean,
): Promise<ConnectionSource> {
  const server: Server = createServer({ ...socketOptions, allowHalfOpen: true, pauseOnConnect }, (socket) =>
    sink.accept(socket),
  );
  // After binding, Node reports accept failures here. The listener continues.
  server.on('error', (error: Error) => {
    if (server.listening) sink.fail(error);
  });
  const bound = await bind(server, config);
  return { ...bound, close: () => server.close() };
}
