// A server of Node's for HTTP/1.1 that never listens, and gets its sockets from here, in the clear or decrypted. Whatever it would
// answer by itself is switched off: every request, every error and every offer to leave HTTP comes to us.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Containment } from '../transport/containment.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { createServer } = process.getBuiltinModule('node:http');

/** How often Node looks for connections that have exceeded headersTimeout; its own default is 30 s. */
const CHECKING_INTERVAL_MS = 1000;
/** Like nginx `keepalive_timeout`. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

export interface Http1ServerEvents {
  /**
   * Expectations included: nobody has answered them.
   * @param isTruncated there were more fields than are allowed, and not all of them are known
   */
  onRequest(request: IncomingMessage, response: ServerResponse, isTruncated: boolean): void;
  /**
   * CONNECT, or an offer to upgrade, whatever it offers. Node listens to the socket no more, nobody has answered the request, and
   * all that followed its header fields is in `head` or still to come.
   */
  onLeaving(request: IncomingMessage, socket: Socket, head: Buffer, isTruncated: boolean): void;
  /** What came cannot be parsed, or comes too slowly. May be called again for the same socket. */
  onError(error: NodeJS.ErrnoException, socket: Socket): void;
}

export interface Http1ServerParts {
  /** Of the request line and the header fields, and of trailers. */
  readonly maxHeaderBytes: number;
  /** Of header fields; see ListenerHandler. */
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
      // A request may stream for hours; the header is what must not dawdle.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, headersTimeoutMs),
      maxHeaderSize: maxHeaderBytes,
      // A request without Host is one that we refuse, in its turn.
      requireHostHeader: false,
      // Node would serve the others and lose what follows them: its parser stops behind every offer.
      shouldUpgradeCallback: () => true,
    });
    // For each field Node does work of its own. Beyond a maximum some versions end the connection (HPE_HEADER_OVERFLOW), others drop
    // fields without a word, Host and Content-Length as well: one more than are allowed is let through, which shows that there were.
    server.maxHeadersCount = maxHeaderFields + 1;
    // Beyond this one it drops requests.
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

  /** No connection is left. */
  stop(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    this.#server.close();
  }

  /** Node begins to watch the time that clients take when its server listens; this one never does. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#server.emit('listening');
  }
}

/** Node's types call these sockets Duplex, for servers that get other streams; this one gets what `serve` was given. */
function listen(
  server: EventEmitter,
  containment: Containment,
  events: Http1ServerEvents,
  maxHeaderFields: number,
): void {
  const isTruncated = ({ rawHeaders }: IncomingMessage): boolean => rawHeaders.length / 2 > maxHeaderFields;
  const guarded = (socket: Socket, action: () => void): void =>
    containment.run(() => socket.destroy(), action);
  // The last two are requests with Expect, which Node would answer otherwise: by 100, and by 417.
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
