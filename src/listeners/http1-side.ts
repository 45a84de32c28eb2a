// The HTTP/1.1 side of a listener. Requests and WebSockets are handed up with their peer, tunnels and errors are refused, each in
// the order of its connection. Other upgrades are ignored.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import type { Containment } from '../transport/containment.ts';
import { WaitingSocket } from '../transport/waiting-socket.ts';
import { putBack } from './byte-reader.ts';
import { refusalResponse } from './http1-answer.ts';
import { Http1Server } from './http1-server.ts';
import { Http1Turns } from './http1-turns.ts';
import { headWithoutUpgrade, isWebSocket } from './ignored-upgrade.ts';
import { type ListenerHandler, listenerContainment } from './listener-handler.ts';
import type { Openings } from './openings.ts';
import type { ListenerPeer } from './peer.ts';
import { closeAfterFarewell, makeRefusal } from './refusal.ts';

export class Http1Side {
  readonly #handler: ListenerHandler;
  readonly #openings: Openings;
  readonly #containment: Containment;
  readonly #headersTimeoutMs: number;
  /** The connections that were not handed up, each with its order of responses. */
  readonly #turns = new Map<Socket, Http1Turns>();
  /** The newest is last. A new configuration may allow larger heads, and needs another server. */
  readonly #servers: Http1Server[] = [];
  #isClosing = false;

  /** @param openings connections are settled there by their first request */
  constructor(handler: ListenerHandler, openings: Openings, headersTimeoutMs: number) {
    this.#handler = handler;
    this.#openings = openings;
    this.#headersTimeoutMs = headersTimeoutMs;
    this.#containment = listenerContainment(handler);
  }

  /** Takes over the socket. `head` holds the bytes that were already read from it. */
  serve(socket: Socket, peer: ListenerPeer, head?: Buffer): void {
    const turns = new Http1Turns(socket, peer, this.#containment);
    this.#turns.set(socket, turns);
    socket.once(
      'close',
      turns.guard(() => this.#forget(turns)),
    );
    if (head !== undefined) putBack(socket, head);
    this.#server.serve(socket);
    if (head !== undefined) socket.resume();
  }

  /** Closes idle connections now, and busy ones after their response. May be called twice. */
  close(): void {
    this.#isClosing = true;
    for (const server of this.#servers) server.closeIdleConnections();
    this.#stopWhenEmpty();
  }

  get #server(): Http1Server {
    const { maxHeaderBytes, maxHeaderFields } = this.#handler;
    const newest = this.#servers.at(-1);
    if (newest?.maxHeaderBytes === maxHeaderBytes && newest.maxHeaderFields === maxHeaderFields)
      return newest;
    const server = new Http1Server({
      maxHeaderBytes,
      maxHeaderFields,
      headersTimeoutMs: this.#headersTimeoutMs,
      containment: this.#containment,
      events: this,
    });
    this.#servers.push(server);
    return server;
  }

  #forget({ socket }: Http1Turns): void {
    this.#turns.delete(socket);
    this.#stopWhenEmpty();
  }

  /**
   * Stops the servers, but only when no connection is left: stopping ends the watch over time limits, and headers may still be
   * incomplete.
   */
  #stopWhenEmpty(): void {
    if (this.#turns.size > 0) return;
    const stopped = this.#isClosing ? this.#servers : this.#servers.slice(0, -1);
    for (const server of stopped) server.stop();
    this.#servers.splice(0, stopped.length);
  }

  onRequest(request: IncomingMessage, response: ServerResponse, isTruncated: boolean): void {
    const { socket } = request;
    this.#openings.settle(socket);
    const turns = this.#turns.get(socket);
    if (turns === undefined) {
      socket.destroy();
      return;
    }
    // The client has been told that this connection closes, so nothing after that is processed (RFC 9112 section 9.6).
    if (turns.isClosed || !socket.writable) return;
    turns.add(response);
    if (this.#isClosing) response.shouldKeepAlive = false;
    response.once(
      'close',
      turns.guard(() => {
        if (this.#isClosing && !turns.isAnswering && !turns.isClosed) socket.destroySoon();
      }),
    );
    this.#handler.onHttp1Request(request, response, turns.peer, isTruncated);
  }

  /** Node has released the socket. The request is handled in the order of the connection. */
  onLeaving(request: IncomingMessage, socket: Socket, head: Buffer, isTruncated: boolean): void {
    this.#openings.settle(socket);
    const turns = this.#turns.get(socket);
    if (turns === undefined || turns.isClosed) {
      socket.destroy();
      return;
    }
    if (!turns.isAnswering && isWebSocket(request)) {
      this.#upgrade(turns, request, head, isTruncated);
      return;
    }
    const waiting = new WaitingSocket(socket, head, this.#containment);
    const unattend = turns.attend();
    const goOn = (): void => {
      unattend();
      // Node sets a timeout for idle connections when it has written a response.
      socket.setTimeout(0);
      if (request.method === 'CONNECT') {
        waiting.take();
        this.#refuse(turns, 'http1_connect', '501 Not Implemented');
      } else if (isWebSocket(request)) {
        this.#upgrade(turns, request, waiting.take(), isTruncated);
      } else if (isTruncated) {
        // Not all fields are known, and a missing one may say how long the body is.
        waiting.take();
        this.#refuse(turns, 'http1_header_too_large', '431 Request Header Fields Too Large');
      } else {
        waiting.giveBack();
        this.#serveAgain(turns, headWithoutUpgrade(request));
      }
    };
    // Not inside the event of the parser that was just released: the parser may be reused.
    turns.whenLeft(0, () =>
      setImmediate(
        turns.guard(() => {
          if (!socket.destroyed) goOn();
        }),
      ),
    );
  }

  #upgrade(turns: Http1Turns, request: IncomingMessage, head: Buffer, isTruncated: boolean): void {
    this.#forget(turns);
    this.#handler.onHttp1Upgrade(request, turns.socket, head, turns.peer, isTruncated);
  }

  /** The bytes that arrived after `head` are already back at the front of the socket's stream. */
  #serveAgain({ socket }: Http1Turns, head: Buffer): void {
    putBack(socket, head);
    this.#server.serve(socket);
    socket.resume();
  }

  onError(error: NodeJS.ErrnoException, socket: Socket): void {
    const [token, status] = classifyParserError(error.code);
    const turns = this.#turns.get(socket);
    // The connection closes after the current response, as its client has asked.
    if (error.code === 'HPE_CLOSED_CONNECTION' || turns?.isClosed === true) return;
    // A broken connection is not an error to report.
    const isGone = token === undefined || !socket.writable;
    if (turns === undefined || isGone || (error.code === 'HPE_INVALID_EOF_STATE' && turns.isAnswering)) {
      socket.destroy();
      return;
    }
    turns.isClosed = true;
    const isStranger = token === 'http1_malformed' && !isHttp1(error, socket);
    // The body of that request will never be complete, so its response never ends by itself.
    const { unfinished } = turns;
    turns.whenLeft(unfinished === undefined ? 0 : 1, () => {
      if (unfinished?.headersSent === true) {
        // Inside a response that has begun, a client cannot be told anything else.
        socket.destroy();
        this.#report(turns, token, error.code);
        return;
      }
      // The code that was to answer learns by 'close' that nothing may be written any more.
      if (unfinished?.socket === socket) unfinished.detachSocket(socket);
      else if (unfinished !== undefined) {
        // The response before it said that the connection closes, so nothing is written after that.
        unfinished.destroy();
        socket.destroySoon();
        this.#report(turns, token, error.code);
        return;
      }
      unfinished?.destroy();
      // Bytes without a request line are not HTTP, and a client of another protocol could not read an HTTP response.
      if (isStranger) this.#refuse(turns, 'unknown_protocol');
      else this.#refuse(turns, token, status, error.code);
    });
  }

  /** @param status of the response; without it no response is sent */
  #refuse(turns: Http1Turns, token: RefusalToken, status?: string, detail?: string): void {
    closeAfterFarewell(turns.socket, status === undefined ? undefined : refusalResponse(status, token));
    this.#report(turns, token, detail);
  }

  #report({ peer }: Http1Turns, token: RefusalToken, detail: string | undefined): void {
    this.#handler.onRefused(makeRefusal(peer.listener, peer.client, token, detail));
  }
}

/** How many bytes are searched for a request line. */
const MOST_LOOKED_AT_BYTES = 16_384;

/** False when the parser failed on the first bytes of the connection, and they contain no request line of HTTP/1. */
function isHttp1(error: Error, socket: Socket): boolean {
  const packet = 'rawPacket' in error ? error.rawPacket : undefined;
  if (!Buffer.isBuffer(packet) || socket.bytesRead > packet.length) return true;
  return /HTTP\/\d/.test(packet.toString('latin1', 0, MOST_LOOKED_AT_BYTES));
}

function classifyParserError(code: string | undefined): readonly [RefusalToken | undefined, string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['http1_header_too_large', '431 Request Header Fields Too Large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['http1_headers_timeout', '408 Request Timeout'];
    // llhttp read 'PRI * HTTP/2.0'. On plaintext connections it never sees that, so this is HTTP/2 within TLS after ALPN
    // "http/1.1".
    case 'HPE_PAUSED_H2_UPGRADE':
      return ['tls_without_h2', '400 Bad Request'];
    default:
      return code?.startsWith('HPE_') === true ? ['http1_malformed', '400 Bad Request'] : [undefined, ''];
  }
}
