// Node's HTTP/1.1 server, which never listens here and is given its sockets, plaintext or decrypted. Everything that it would
// answer by itself is switched off: every request, every error and every upgrade comes to our handlers.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Containment } from '../transport/containment.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { createServer } = process.getBuiltinModule('node:http');

/** How often Node looks for connections that have exceeded headersTimeout. Node's own default is 30 s. */
const CHECKING_INTERVAL_MS = 1000;
/** Like nginx `keepalive_timeout`. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

export interface Http1ServerEvents {
  /**
   * A request, also one with an Expect field, which has not been answered.
   * @param isTruncated the request has more fields than allowed, and not all of them are known
   */
  onRequest(request: IncomingMessage, response: ServerResponse, isTruncated: boolean): void;
  /**
   * A CONNECT, or a request with any Upgrade field. Node no longer listens to the socket and has not answered the request. The
   * bytes after its header fields are in `head` or still to come.
   */
  onLeaving(request: IncomingMessage, socket: Socket, head: Buffer, isTruncated: boolean): void;
  /** The request cannot be parsed, or comes too slowly. May be called again for the same socket. */
  onError(error: NodeJS.ErrnoException, socket: Socket): void;
}

export interface Http1ServerParts {
  /** The limit for the request line and the header fields together, and for trailers. */
  readonly maxHeaderBytes: number;
  /** The limit for the number of header fields; see ListenerHandler. */
  readonly maxHeaderFields: number;
  readonly headersTimeoutMs: number;
  readonly containment: Containment;
  readonly events: Http1ServerEvents;
}

export class Http1Server {
  readonly maxHeaderBytes: number;
  readonly maxHeaderFields: number;
  readonly #server: Server;
  #isWatching = false;

  constructor(parts: Http1ServerParts) {
    const { maxHeaderBytes, maxHeaderFields, headersTimeoutMs, containment, events } = parts;
    this.maxHeaderBytes = maxHeaderBytes;
    this.maxHeaderFields = maxHeaderFields;
    const server = createServer({
      headersTimeout: headersTimeoutMs,
      // A request may stream for hours. Only its header is limited in time.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, headersTimeoutMs),
      maxHeaderSize: maxHeaderBytes,
      // We refuse a request without Host ourselves, in its turn.
      requireHostHeader: false,
      // All upgrades come to us. Node would serve those we decline, but lose what follows them, because its parser stops after
      // every Upgrade.
      shouldUpgradeCallback: () => true,
    });
    // Node does work for each field. Above the maximum some versions end the connection (HPE_HEADER_OVERFLOW), and others
    // silently drop fields, even Host and Content-Length. One field more than allowed is let through, which shows that there were
    // too many.
    server.maxHeadersCount = maxHeaderFields + 1;
    // Node would drop requests beyond this number; 0 means no limit.
    server.maxRequestsPerSocket = 0;
    listen(server, containment, events, maxHeaderFields);
    this.#server = server;
  }

  serve(socket: Socket): void {
    this.#watch();
    this.#server.emit('connection', socket);
  }

  closeIdleConnections(): void {
    this.#server.closeIdleConnections();
  }

  /** Ends the watch over the clients' time, once no connection is left. */
  stop(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    this.#server.close();
  }

  /** Node starts to watch the time that clients take when its server begins to listen, which this one never does. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#server.emit('listening');
  }
}

/** Node's types call these sockets Duplex, for servers that are given other streams. This server is given only what `serve` takes. */
function listen(
  server: EventEmitter,
  containment: Containment,
  events: Http1ServerEvents,
  maxHeaderFields: number,
): void {
  const isTruncated = ({ rawHeaders }: IncomingMessage): boolean => rawHeaders.length / 2 > maxHeaderFields;
  const guarded = (socket: Socket, action: () => void): void =>
    containment.run(() => socket.destroy(), action);
  // The last two events are requests with Expect, which Node would otherwise answer with 100 or 417.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.on(event, (request: IncomingMessage, response: ServerResponse) =>
      guarded(request.socket, () => events.onRequest(request, response, isTruncated(request))),
    );
  }
  for (const event of ['upgrade', 'connect']) {
    server.on(event, (request: IncomingMessage, socket: Socket, head: Buffer) =>
      guarded(socket, () => events.onLeaving(request, socket, head, isTruncated(request))),
    );
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    guarded(socket, () => events.onError(error, socket)),
  );
}
