// The HTTP/1.1 side of a listener: Node's own HTTP server, whose requests go up with their peer, and whose errors,
// upgrades and tunnels are refused. Shared by the plaintext and the TLS listener.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import { diagnoseRefusal } from '../diagnosis/refusal.ts';
import type { DownstreamPeer } from './peer.ts';
import { closeAfterFarewell } from './refusal.ts';

/** How often Node looks for connections that have exceeded headersTimeout; its own default is 30 s. */
const CHECKING_INTERVAL_MS = 1000;
/** Like nginx `keepalive_timeout`. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const MAX_HEADER_OCTETS = 16_384;

/** For http.createServer and, as http1Options, for http2.createSecureServer. */
export function http1Options(headersTimeoutMs: number) {
  return {
    headersTimeout: headersTimeoutMs,
    // A request may stream for hours; the header is what must not dawdle.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, headersTimeoutMs),
    maxHeaderSize: MAX_HEADER_OCTETS,
  };
}

export interface Http1Handler {
  onRequest(request: IncomingMessage, response: ServerResponse, peer: DownstreamPeer): void;
  onRefused(peer: DownstreamPeer, token: RefusalToken, detail?: string): void;
}

export class Http1Side {
  /** Of every socket that was handed to Node's HTTP/1.1 listener. */
  readonly #peers = new WeakMap<Socket, DownstreamPeer>();
  /** Sockets on which a response is under way: octets of ours would corrupt it. */
  readonly #answering = new WeakSet<Socket>();
  #isClosing = false;

  /** `server` is an http.Server, or an Http2SecureServer with allowHTTP1, whose types disagree on 'request'. */
  constructor(server: EventEmitter, handler: Http1Handler) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#receive(request, response, handler);
    });
    server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
      this.#refuse(socket, 'http1_upgrade', '501 Not Implemented', handler);
    });
    server.on('connect', (_request: IncomingMessage, socket: Socket) => {
      this.#refuse(socket, 'http1_connect', '501 Not Implemented', handler);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#receiveError(error, socket, handler);
    });
  }

  /** Before the socket is handed to Node's listener. */
  adopt(socket: Socket, peer: DownstreamPeer): void {
    this.#peers.set(socket, peer);
  }

  /** From now on every connection closes after the response it is busy with. Node has closed the idle ones. */
  close(): void {
    this.#isClosing = true;
  }

  #receive(request: IncomingMessage, response: ServerResponse, handler: Http1Handler): void {
    const { socket } = request;
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
    handler.onRequest(request, response, peer);
  }

  #refuse(socket: Socket, token: RefusalToken, status: string, handler: Http1Handler, detail?: string): void {
    const peer = this.#peers.get(socket);
    closeAfterFarewell(socket, plainResponse(status, diagnoseRefusal(token).sentence));
    if (peer !== undefined) handler.onRefused(peer, token, detail);
  }

  #receiveError(error: NodeJS.ErrnoException, socket: Socket, handler: Http1Handler): void {
    const [token, status] = classifyParserError(error.code);
    // A connection that broke is nobody's mistake, and one that is busy answering cannot be spoken to.
    if (token === undefined || !socket.writable || this.#answering.has(socket)) {
      socket.destroy();
      return;
    }
    this.#refuse(socket, token, status, handler, error.code);
  }
}

function classifyParserError(code: string | undefined): readonly [RefusalToken | undefined, string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['http1_header_too_large', '431 Request Header Fields Too Large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['http1_headers_timeout', '408 Request Timeout'];
    // llhttp met 'PRI * HTTP/2.0'. In the clear it never sees that, so this is HTTP/2 within TLS without ALPN.
    case 'HPE_PAUSED_H2_UPGRADE':
      return ['tls_without_h2', '400 Bad Request'];
    default:
      return code?.startsWith('HPE_') === true ? ['http1_malformed', '400 Bad Request'] : [undefined, ''];
  }
}

function plainResponse(status: string, sentence: string): string {
  const body = `${sentence}\n`;
  return [
    `HTTP/1.1 ${status}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
