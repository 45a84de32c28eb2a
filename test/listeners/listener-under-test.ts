// Opens listeners on free ports for one test, records what they hand up, and closes everything afterwards.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Address } from '../../src/config/address.ts';
import type { ListenerConfig, ListenerTlsConfig, MismatchPolicy } from '../../src/config/config.ts';
import type { ConnectionLimits } from '../../src/listeners/connection-limits.ts';
import { type Listener, type ListenerHandler, openListener } from '../../src/listeners/listener.ts';
import type { ListenerPeer } from '../../src/listeners/peer.ts';
import type { Refusal } from '../../src/listeners/refusal.ts';
import type { ListenerTimeouts } from '../../src/listeners/server-context.ts';
import type { TicketKeys } from '../../src/listeners/ticket-keys.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export interface Http2Arrival {
  readonly socket: Socket;
  readonly peer: ListenerPeer;
  readonly head: Buffer | undefined;
  /** Everything received, the head included. */
  readonly received: Buffer[];
}

/** Hands out what it was given in order, waiting for it where it has not come yet. */
export class Inbox<T> {
  readonly all: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];
  #taken = 0;

  put(item: T): void {
    this.all.push(item);
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      this.#taken += 1;
      waiting(item);
    }
  }

  next(): Promise<T> {
    if (this.#taken < this.all.length) {
      this.#taken += 1;
      return Promise.resolve(this.all[this.#taken - 1]);
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

export interface UpgradeArrival {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  readonly peer: ListenerPeer;
}

export class RecordingHandler implements ListenerHandler {
  readonly http2 = new Inbox<Http2Arrival>();
  readonly http1 = new Inbox<ListenerPeer>();
  readonly upgrades = new Inbox<UpgradeArrival>();
  readonly refusals = new Inbox<Refusal>();
  readonly faults = new Inbox<unknown>();
  maxHeaderBytes = 16_384;
  maxHeaderFields = 128;
  respond: (request: IncomingMessage, response: ServerResponse) => void = (request, response) => {
    response.end(`${request.method} ${request.url}`);
  };

  onHttp2(socket: Socket, peer: ListenerPeer, head: Buffer | undefined): void {
    const received: Buffer[] = head === undefined ? [] : [head];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    this.http2.put({ socket, peer, head, received });
  }

  onHttp1Request(request: IncomingMessage, response: ServerResponse, peer: ListenerPeer): void {
    this.respond(request, response);
    this.http1.put(peer);
  }

  onHttp1Upgrade(request: IncomingMessage, socket: Socket, head: Buffer, peer: ListenerPeer): void {
    this.upgrades.put({ request, socket, head, peer });
  }

  onRefused(refusal: Refusal): void {
    this.refusals.put(refusal);
  }

  onFault(error: unknown): void {
    this.faults.put(error);
  }
}

export interface ListenerUnderTest {
  readonly listener: Listener;
  readonly handler: RecordingHandler;
  readonly port: number;
}

export interface ListenerTestOptions {
  readonly name?: string;
  readonly address?: Address;
  readonly mode?: number | undefined;
  readonly certificates?: ListenerTlsConfig['certificates'];
  readonly minVersion?: ListenerTlsConfig['minVersion'];
  readonly unknownServerName?: ListenerTlsConfig['unknownServerName'];
  readonly ticketKeys?: TicketKeys;
  readonly limits?: ConnectionLimits;
  readonly trustedClients?: readonly string[];
  readonly mismatch?: MismatchPolicy;
  readonly proxies?: readonly string[];
  readonly timeouts?: Partial<ListenerTimeouts>;
}

export function tcp(host: string, port = 0): Address {
  return { kind: 'tcp', host, port, text: `${host}:${port}` };
}

export function unix(path: string): Address {
  return { kind: 'unix', path, text: `unix:${path}` };
}

export async function listen(
  context: TestContext,
  options: ListenerTestOptions = {},
): Promise<ListenerUnderTest> {
  const handler = new RecordingHandler();
  const { certificates, minVersion = 'TLSv1.2', unknownServerName = 'serve-default' } = options;
  const config: ListenerConfig = {
    name: options.name ?? 'under-test',
    address: options.address ?? tcp('127.0.0.1'),
    tls: certificates === undefined ? undefined : { certificates, minVersion, unknownServerName },
    mode: options.mode,
    trustedClients: options.trustedClients ?? [],
    mismatch: options.mismatch ?? 'explain',
    proxyProtocol: options.proxies === undefined ? undefined : { trusted: options.proxies },
    openingTimeoutMs: 10_000,
    headerTimeoutMs: 10_000,
  };
  const { ticketKeys, limits } = options;
  const listener = await openListener(config, handler, {
    ...options.timeouts,
    ...(ticketKeys === undefined ? {} : { ticketKeys }),
    ...(limits === undefined ? {} : { limits }),
  });
  context.after(async () => {
    await listener.close();
    for (const { socket } of [...handler.http2.all, ...handler.upgrades.all]) socket.destroy();
    for (const client of clients) client.destroy();
    clients.clear();
  });
  return { listener, handler, port: listener.port ?? 0 };
}

/** Of the running test; those it leaves open would keep the process alive. */
const clients = new Set<Socket>();

/** A plain client that writes the bytes at once. */
export function send(port: number, bytes: string | Buffer, host = '127.0.0.1'): Socket {
  const socket = connect({ port, host });
  clients.add(socket);
  socket.on('error', () => undefined);
  socket.write(bytes);
  return socket;
}

/** Resolves when the connection is closed, by an error too (which events.once would reject with). */
export function closed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

/** Everything the peer says until the connection is closed. */
export async function readToEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await closed(socket);
  return Buffer.concat(chunks).toString('latin1');
}

/** A TLS client after its handshake; rejects with the handshake's error. */
export async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ...options });
  clients.add(socket);
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}
