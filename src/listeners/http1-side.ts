// The HTTP/1.1 side of a listener: one server of Node's that never listens and gets its sockets from here, in the clear
// or decrypted. Requests and WebSocket upgrades go up with their peer; tunnels and errors are refused.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import { refusalResponse } from './http1-answer.ts';
import type { ListenerHandler } from './listener-handler.ts';
import { putBack } from './octet-reader.ts';
import type { Openings } from './openings.ts';
import type { DownstreamPeer } from './peer.ts';
import { closeAfterFarewell, makeRefusal } from './refusal.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { createServer } = process.getBuiltinModule('node:http');

/** How often Node looks for connections that have exceeded headersTimeout; its own default is 30 s. */
const CHECKING_INTERVAL_MS = 1000;
/** Like nginx `keepalive_timeout`. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const MAX_HEADER_OCTETS = 16_384;

export class Http1Side {
  readonly #handler: ListenerHandler;
  readonly #openings: Openings;
  readonly #server: Server;
  /** Of every connection that is still ours. */
  readonly #peers = new Map<Socket, DownstreamPeer>();
  /** Sockets on which a response is under way: octets of ours would corrupt it. */
  readonly #answering = new WeakSet<Socket>();
  #isClosing = false;
  #isWatching = false;

  /** @param openings where connections are settled by their first request */
  constructor(handler: ListenerHandler, openings: Openings, headersTimeoutMs: number) {
    this.#handler = handler;
    this.#openings = openings;
    const server = createServer({
      headersTimeout: headersTimeoutMs,
      // A request may stream for hours; the header is what must not dawdle.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, headersTimeoutMs),
      maxHeaderSize: MAX_HEADER_OCTETS,
      shouldUpgradeCallback: isWebSocket,
    });
    // Beyond a maximum Node drops fields without a word, Host and Content-Length as well.
    server.maxHeadersCount = 0;
    this.#listen(server);
    this.#server = server;
  }

  /** Node's types call these sockets Duplex, for servers that get other streams; this one gets what `serve` was given. */
  #listen(server: EventEmitter): void {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#receive(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    server.on('connect', (_request: IncomingMessage, socket: Socket) => {
      this.#refuse(socket, 'http1_connect', '501 Not Implemented');
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#receiveError(error, socket);
    });
  }

  /** The socket is this side's from here on. `head` is what was read from it already. */
  serve(socket: Socket, peer: DownstreamPeer, head?: Buffer): void {
    this.#watch();
    this.#peers.set(socket, peer);
    socket.once('close', () => this.#forget(socket));
    if (head !== undefined) putBack(socket, head);
    this.#server.emit('connection', socket);
    if (head !== undefined) socket.resume();
  }

  /** Idle connections are closed now, busy ones after their response. May be called twice. */
  close(): void {
    this.#isClosing = true;
    this.#server.closeIdleConnections();
    this.#stopWhenEmpty();
  }

  /** Node begins to watch the time that clients take when its server listens; this one never does. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#server.emit('listening');
  }

  #forget(socket: Socket): void {
    this.#peers.delete(socket);
    this.#stopWhenEmpty();
  }

  /** Not before: it ends the watch, and headers may still be to come. */
  #stopWhenEmpty(): void {
    if (!this.#isClosing || !this.#isWatching || this.#peers.size > 0) return;
    this.#isWatching = false;
    this.#server.close();
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#openings.settle(socket);
    const peer = this.#peers.get(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    if (this.#isClosing) response.shouldKeepAlive = false;
    this.#answering.add(socket);
    response.once('close', () => {
      this.#answering.delete(socket);
      if (this.#isClosing) socket.destroySoon();
    });
    this.#handler.onHttp1Request(request, response, peer);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const peer = this.#peers.get(socket);
    this.#openings.settle(socket);
    this.#forget(socket);
    if (peer === undefined) socket.destroy();
    else this.#handler.onHttp1Upgrade(request, socket, head, peer);
  }

  #refuse(socket: Socket, token: RefusalToken, status: string, detail?: string): void {
    const peer = this.#peers.get(socket);
    closeAfterFarewell(socket, refusalResponse(status, token));
    if (peer !== undefined) this.#handler.onRefused(makeRefusal(peer.listener, peer.client, token, detail));
  }

  #receiveError(error: NodeJS.ErrnoException, socket: Socket): void {
    const [token, status] = classifyParserError(error.code);
    // A connection that broke is nobody's mistake, and one that is busy answering cannot be spoken to.
    if (token === undefined || !socket.writable || this.#answering.has(socket)) {
      socket.destroy();
      return;
    }
    if (token === 'http1_malformed' && !isHttp1(error, socket)) this.#refuseStranger(socket);
    else this.#refuse(socket, token, status, error.code);
  }

  /** Two words and a space are no HTTP yet, and who speaks something else would only stumble over an answer. */
  #refuseStranger(socket: Socket): void {
    const peer = this.#peers.get(socket);
    closeAfterFarewell(socket);
    if (peer !== undefined) {
      this.#handler.onRefused(makeRefusal(peer.listener, peer.client, 'unknown_protocol'));
    }
  }
}

/** False when all that came so far is what the parser stumbled over, and there is no request line of HTTP/1 in it. */
function isHttp1(error: Error, socket: Socket): boolean {
  const packet = 'rawPacket' in error ? error.rawPacket : undefined;
  if (!Buffer.isBuffer(packet) || socket.bytesRead > packet.length) return true;
  return /HTTP\/\d/.test(packet.toString('latin1', 0, MAX_HEADER_OCTETS));
}

/**
 * Any other upgrade is ignored and its request served as it is; h2c among them (RFC 9113 section 3.1). A WebSocket's is
 * a GET (RFC 6455 section 4.1).
 */
function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

function classifyParserError(code: string | undefined): readonly [RefusalToken | undefined, string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['http1_header_too_large', '431 Request Header Fields Too Large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['http1_headers_timeout', '408 Request Timeout'];
    // llhttp met 'PRI * HTTP/2.0'. In the clear it never sees that, so this is HTTP/2 within TLS after ALPN "http/1.1".
    case 'HPE_PAUSED_H2_UPGRADE':
      return ['tls_without_h2', '400 Bad Request'];
    default:
      return code?.startsWith('HPE_') === true ? ['http1_malformed', '400 Bad Request'] : [undefined, ''];
  }
}
