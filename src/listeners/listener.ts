// A listener of the configuration, opened: accepts connections, learns what they speak, and hands them up.
// It never keeps an HTTP/2 connection, and never closes one that it has handed up.

import type { Server } from 'node:net';
import type { ListenerConfig } from '../config/config.ts';
import { bind } from './bind.ts';
import { loadCertificates } from './certificates.ts';
import { Http1Side } from './http1-side.ts';
import type { ListenerHandler } from './listener-handler.ts';
import type { PeerSource } from './peer.ts';
import { createPlaintextServer } from './plaintext-server.ts';
import { makeRefusal } from './refusal.ts';
import type { ListenerTimeouts, ServerContext } from './server-context.ts';
import { createTlsServer } from './tls-server.ts';
import { compileTrustedClients } from './trusted-clients.ts';

export type { ListenerHandler };

export interface Listener {
  readonly name: string;
  /** Where it really listens: '127.0.0.1:8443', '[::]:8443' (port 0 resolved), or 'unix:/path'. */
  readonly address: string;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
  /**
   * Stops accepting, at once. HTTP/2 connections and upgraded ones stay with their owners; idle HTTP/1.1 connections
   * are closed, busy ones after their response. May be called twice.
   */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUTS: ListenerTimeouts = {
  firstBytesMs: 10_000,
  clientHelloMs: 1000,
  tlsHandshakeMs: 10_000,
  http1HeadersMs: 10_000,
};

/** Rejects with an Error whose message names the listener, what is wrong, and what to do. */
export async function openListener(
  config: ListenerConfig,
  handler: ListenerHandler,
  timeouts: Partial<ListenerTimeouts> = {},
): Promise<Listener> {
  let port: number | undefined;
  const source: PeerSource = {
    listener: config.name,
    isUnix: config.address.kind === 'unix',
    isTrusted: compileTrustedClients(config.trustedClients),
    mismatchPolicy: config.mismatch,
    port: () => port,
  };
  const context = createContext(config, source, handler, { ...DEFAULT_TIMEOUTS, ...timeouts });
  const server = await createServer(config, context);
  // After binding, Node reports failures to accept here; the listener goes on.
  server.on('error', (error: Error) => {
    if (server.listening) handler.onRefused(makeRefusal(config.name, '', 'listener_error', error.message));
  });
  const bound = await bind(server, config.address, config.name);
  port = bound.port;
  let closing: Promise<void> | undefined;
  return {
    name: config.name,
    address: bound.address,
    port,
    close() {
      closing ??= closeServer(server, context.http1);
      return closing;
    },
  };
}

function createContext(
  config: ListenerConfig,
  source: PeerSource,
  handler: ListenerHandler,
  timeouts: ListenerTimeouts,
): ServerContext {
  const { proxyProtocol } = config;
  return {
    source,
    handler,
    timeouts,
    http1: new Http1Side(handler, timeouts.http1HeadersMs),
    isProxy: proxyProtocol === undefined ? undefined : compileTrustedClients(proxyProtocol.trusted),
  };
}

async function createServer(config: ListenerConfig, context: ServerContext): Promise<Server> {
  const { tls } = config;
  if (tls === undefined) return createPlaintextServer(context);
  if (tls.certificates.length === 0) throw new Error(`listener '${config.name}': tls needs a certificate`);
  try {
    return createTlsServer(context, tls, await loadCertificates(tls.certificates));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`listener '${config.name}': ${reason}`, { cause: error });
  }
}

/**
 * Node's close callback waits for the last connection, which may live for days; accepting ends within the call. The
 * turn of the event loop is for a unix socket's file, which is gone after it.
 */
function closeServer(server: Server, http1: Http1Side): Promise<void> {
  http1.close();
  server.close();
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
