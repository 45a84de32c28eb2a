// The HTTP/1.1 side of a listener. Requests and WebSockets go up with their peer, tunnels and errors are refused, each in the
// order of its connection; other upgrades are ignored.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import type { Containment } from '../transport/containment.ts';
import { WaitingSocket } from '../transport/waiting-socket.ts';
import { refusalResponse } from './http1-answer.ts';
import { Http1Server } from './http1-server.ts';
import { Http1Turns } from './http1-turns.ts';
import { headWithoutUpgrade, isWebSocket } from './ignored-upgrade.ts';
import { type ListenerHandler, listenerContainment } from './listener-handler.ts';
import { putBack } from './octet-reader.ts';
import type { Openings } from './openings.ts';
import type { DownstreamPeer } from './peer.ts';
import { closeAfterFarewell, makeRefusal } from './refusal.ts';

export class Http1Side {
  readonly #handler: ListenerHandler;
  readonly #openings: Openings;
  readonly #containment: Containment;
  readonly #headersTimeoutMs: number;
  /** Of every connection that is still ours. */
  readonly #turns = new Map<Socket, Http1Turns>();
  /** The newest last: another configuration may allow larger heads. */
  readonly #servers: Http1Server[] = [];
  #isClosing = false;

  /** @param openings where connections are settled by their first request */
  constructor(handler: ListenerHandler, openings: Openings, headersTimeoutMs: number) {
    this.#handler = handler;
    this.#openings = openings;
    this.#headersTimeoutMs = headersTimeoutMs;
    this.#containment = listenerContainment(handler);
  }

  /** The socket is this side's from here on. `head` is what was read from it already. */
  serve(socket: Socket, peer: DownstreamPeer, head?: Buffer): void {
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

  /** Idle connections are closed now, busy ones after their response. May be called twice. */
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

  /** Not before: it ends the watch over times, and headers may still be to come. */
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
    // The client has been told that this connection closes: nothing behind that is processed (RFC 9112 section 9.6).
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

  /** Node has let go of the socket. It goes on in the order of the connection. */
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
      // That of an idle connection, which Node sets when it has written a response.
      socket.setTimeout(0);
      if (request.method === 'CONNECT') {
        waiting.take();
        this.#refuse(turns, 'http1_connect', '501 Not Implemented');
      } else if (isWebSocket(request)) {
        this.#upgrade(turns, request, waiting.take(), isTruncated);
      } else if (isTruncated) {
        // Not all of its fields are known, which may tell how long its body is.
        waiting.take();
        this.#refuse(turns, 'http1_header_too_large', '431 Request Header Fields Too Large');
      } else {
        waiting.giveBack();
        this.#serveAgain(turns, headWithoutUpgrade(request));
      }
    };
    // Not within the event of the parser that has just been let go, and may be taken again.
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

  /** What has come behind `head` is in front of what is still to come already. */
  #serveAgain({ socket }: Http1Turns, head: Buffer): void {
    putBack(socket, head);
    this.#server.serve(socket);
    socket.resume();
  }

  onError(error: NodeJS.ErrnoException, socket: Socket): void {
    const [token, status] = classifyParserError(error.code);
    const turns = this.#turns.get(socket);
    // It closes after the response that is under way, as its client has asked.
    if (error.code === 'HPE_CLOSED_CONNECTION' || turns?.isClosed === true) return;
    // A connection that broke is nobody's mistake.
    const isGone = token === undefined || !socket.writable;
    if (turns === undefined || isGone || (error.code === 'HPE_INVALID_EOF_STATE' && turns.isAnswering)) {
      socket.destroy();
      return;
    }
    turns.isClosed = true;
    const isStranger = token === 'http1_malformed' && !isHttp1(error, socket);
    // The body of that request will never be whole, and so it is never over by itself.
    const { unfinished } = turns;
    turns.whenLeft(unfinished === undefined ? 0 : 1, () => {
      if (unfinished?.headersSent === true) {
        // Within its own response a client cannot be told anything.
        socket.destroy();
        this.#report(turns, token, error.code);
        return;
      }
      // Whoever was to answer learns by 'close' that nothing is to be written any more.
      if (unfinished?.socket === socket) unfinished.detachSocket(socket);
      else if (unfinished !== undefined) {
        // The response before it said that the connection closes: behind that nothing is written.
        unfinished.destroy();
        socket.destroySoon();
        this.#report(turns, token, error.code);
        return;
      }
      unfinished?.destroy();
      // Two words and a space are no HTTP yet, and who speaks something else would only stumble over an answer.
      if (isStranger) this.#refuse(turns, 'unknown_protocol');
      else this.#refuse(turns, token, status, error.code);
    });
  }

  /** @param status of the answer; none is given without it */
  #refuse(turns: Http1Turns, token: RefusalToken, status?: string, detail?: string): void {
    closeAfterFarewell(turns.socket, status === undefined ? undefined : refusalResponse(status, token));
    this.#report(turns, token, detail);
  }

  #report({ peer }: Http1Turns, token: RefusalToken, detail: string | undefined): void {
    this.#handler.onRefused(makeRefusal(peer.listener, peer.client, token, detail));
  }
}

/** A request line is in there, if there is one. */
const MOST_LOOKED_AT_BYTES = 16_384;

/** False when all that came so far is what the parser stumbled over, and there is no request line of HTTP/1 in it. */
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
    // llhttp met 'PRI * HTTP/2.0'. In the clear it never sees that, so this is HTTP/2 within TLS after ALPN "http/1.1".
    case 'HPE_PAUSED_H2_UPGRADE':
      return ['tls_without_h2', '400 Bad Request'];
    default:
      return code?.startsWith('HPE_') === true ? ['http1_malformed', '400 Bad Request'] : [undefined, ''];
  }
}
