// The port of the admin server speaks HTTP/1.1, and HTTP/2 in plaintext to clients that begin with its preface. The first bytes of a
// connection decide, and the gRPC side is loaded with the first connection that speaks HTTP/2.

import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { classifyFirstBytes } from '../diagnosis/first-bytes.ts';
import { readBytes } from '../listeners/byte-reader.ts';
import { destroyOnError, socketOptions } from '../listeners/socket-options.ts';
import type { Logger } from '../observability/logger.ts';
import { Containment } from '../transport/containment.ts';
import type { AdminConnections, AdminPlace } from './admin-connections.ts';
import { refuseBadRequest } from './admin-socket.ts';
import type { AdminTurns } from './admin-turns.ts';
import { RequestGate, type RequestGateParts } from './request-gate.ts';
import type { RpcServer } from './rpc/rpc-server.ts';

const FIRST_BYTES_WITHIN_MS = 5_000;

export interface ProtocolSwitchParts {
  /** Never listens: it is given its connections. */
  readonly http: HttpServer;
  readonly openRpc: () => Promise<RpcServer>;
  readonly connections: AdminConnections;
  readonly turns: AdminTurns;
  readonly logger: Logger | undefined;
}

export class ProtocolSwitch {
  /** Accepts the connections of both protocols. */
  readonly server: Server;
  readonly #http: HttpServer;
  readonly #openRpc: () => Promise<RpcServer>;
  readonly #connections: AdminConnections;
  readonly #turns: AdminTurns;
  readonly #logger: Logger | undefined;
  readonly #containment: Containment;
  /** Connections whose protocol is not known yet. */
  readonly #beginning = new Set<Socket>();
  /** Undefined until the first connection needs it, and again if it could not be opened. */
  #rpc: Promise<RpcServer> | undefined = undefined;

  constructor({ http, openRpc, connections, turns, logger }: ProtocolSwitchParts) {
    this.#http = http;
    this.#openRpc = openRpc;
    this.#connections = connections;
    this.#turns = turns;
    this.#logger = logger;
    this.#containment = new Containment('listener', (_layer, error) => this.#onFault(error));
    // Half-open, as Node's HTTP server has it: a client may end its side with its request.
    this.server = createServer({ ...socketOptions, allowHalfOpen: true }, (socket) =>
      this.#containment.run(
        () => socket.destroy(),
        () => this.#accept(socket),
      ),
    );
    // Node begins to watch the time of requests when its server begins to listen.
    http.emit('listening');
  }

  #onFault(err: unknown): void {
    this.#logger?.error({ err }, 'the admin server could not answer a request');
  }

  #accept(socket: Socket): void {
    socket.on('error', destroyOnError);
    const place = this.#connections.admit(socket);
    if (place === undefined) {
      socket.destroy();
      return;
    }
    socket.on(
      'close',
      this.#containment.guard(
        () => socket.destroy(),
        () => this.#connections.leave(place),
      ),
    );
    this.#beginning.add(socket);
    readBytes<'http1' | 'http2'>(socket, {
      timeoutMs: FIRST_BYTES_WITHIN_MS,
      containment: this.#containment,
      examine: (bytes) => {
        const kind = classifyFirstBytes(bytes);
        // Whatever else it is, the HTTP/1.1 server says that it is no request.
        return kind === 'need-more' || kind === 'http2' ? kind : 'http1';
      },
      decided: (outcome, bytes) => {
        this.#beginning.delete(socket);
        this.#serve(place, socket, outcome, bytes);
      },
    });
  }

  #serve(
    place: AdminPlace,
    socket: Socket,
    outcome: 'http1' | 'http2' | 'timeout' | 'abandoned',
    bytes: Buffer,
  ): void {
    switch (outcome) {
      case 'http1':
        this.#http.emit('connection', new RequestGate(socket, bytes, this.#gateParts(place)));
        break;
      case 'http2':
        socket.pause();
        // HTTP/2 ends streams, and not one side of the connection.
        socket.allowHalfOpen = false;
        this.#serveRpc(place, socket, bytes).catch((error: unknown) => {
          this.#onFault(error);
          socket.destroy();
        });
        break;
      case 'timeout':
        refuseBadRequest({ name: '', message: '', code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
        break;
      case 'abandoned':
        socket.destroy();
        break;
    }
  }

  #gateParts(place: AdminPlace): RequestGateParts {
    return { place, turns: this.#turns, containment: this.#containment };
  }

  async #serveRpc(place: AdminPlace, socket: Socket, head: Buffer): Promise<void> {
    const client = clientOf(socket);
    if (!this.#connections.becomesRpc(place)) {
      socket.destroy();
      return;
    }
    const rpc = await this.#opened();
    if (!socket.destroyed) rpc.accept(socket, head, { client, place });
  }

  async #opened(): Promise<RpcServer> {
    this.#rpc ??= this.#openRpc();
    const opened = this.#rpc;
    try {
      return await opened;
    } catch (error) {
      // Its files could not be read, as without a free file descriptor. The next connection may find one.
      if (this.#rpc === opened) this.#rpc = undefined;
      throw error;
    }
  }

  /** Tells the gRPC side, if anybody uses it, that readiness has changed. */
  readinessChanged(): void {
    this.#rpc?.then((rpc) => rpc.readinessChanged()).catch(ignore);
  }

  /** Tells the gRPC side, if anybody uses it, that an upstream has lost its last endpoint. */
  upstreamIsOut(upstream: string): void {
    this.#rpc?.then((rpc) => rpc.upstreamIsOut(upstream)).catch(ignore);
  }

  /** Tells the gRPC side, if anybody uses it, that the token has changed. */
  tokenChanged(): void {
    this.#rpc?.then((rpc) => rpc.tokenChanged()).catch(ignore);
  }

  /** Accepts nothing any more. Resolves when all connections are closed, after `graceMs` at most. */
  close(graceMs: number): Promise<void> {
    for (const socket of this.#beginning) socket.destroy();
    this.#rpc?.then((rpc) => rpc.close('the admin server closes')).catch(ignore);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#closeAll(), graceMs);
      this.server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      // Ends its watch over the time of requests, and its idle connections.
      this.#http.close();
      this.#http.closeIdleConnections();
    });
  }

  #closeAll(): void {
    this.#containment.run(ignore, () => {
      this.#http.closeAllConnections();
      this.#rpc?.then((rpc) => rpc.destroy('the admin server closes')).catch(ignore);
    });
  }
}

/** Who asks: address and port, or 'unix'. */
export function clientOf({
  remoteAddress,
  remotePort,
  remoteFamily,
}: Pick<Socket, 'remoteAddress' | 'remotePort' | 'remoteFamily'>): string {
  if (remoteAddress === undefined) return 'unix';
  return remoteFamily === 'IPv6' ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function ignore(): void {
  // Opening has failed, which was logged.
}
