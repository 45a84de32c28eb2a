// Writes the response to an HTTP/1.1 client through Node's ServerResponse. The client gets a well-formed response whatever the service
// sends. An incomplete response is never ended cleanly: the connection is broken off instead.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { pairsOf } from '../calls/http1-fields.ts';
import type { Containment } from '../transport/containment.ts';

// An import statement would read all exports of node:http, and reading one of them loads a whole HTTP client (4 MB of heap).
const { ServerResponse: NodeResponse, STATUS_CODES } = process.getBuiltinModule('node:http');

export class Http1Reply {
  readonly response: ServerResponse;
  readonly #containment: Containment;
  /** Whether the head has content-length, so that the client knows when the response is complete. */
  #hasLength = false;
  #hasWritten = false;
  /** Whether the client waits for 100 Continue before it sends its body (RFC 9110 section 10.1.1). */
  #isAwaited = false;

  constructor(response: ServerResponse, containment: Containment) {
    this.response = response;
    this.#containment = containment;
    // 'close' follows.
    response.on('error', ignore);
    // Node would send chunks to an HTTP/1.0 client that sends TE, which RFC 9112 section 6.1 forbids.
    if (response.req.httpVersion !== '1.1') response.useChunkedEncodingByDefault = false;
  }

  /** Creates a response to an upgrade request, for which Node creates none. The connection ends with the response. */
  static onSocket(request: IncomingMessage, containment: Containment): Http1Reply {
    const { socket } = request;
    const response = new NodeResponse(request);
    const reply = new Http1Reply(response, containment);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    // Node's server has released the socket, so it does not emit 'drain' on the response any more.
    const onDrain = reply.#guard(() => {
      response.emit('drain');
    });
    socket.on('drain', onDrain);
    response.once(
      'finish',
      reply.#guard(() => {
        socket.off('drain', onDrain);
        response.detachSocket(socket);
        closeGently(socket);
      }),
    );
    return reply;
  }

  #guard(listener: () => void): () => void {
    const { socket } = this.response.req;
    return this.#containment.guard(() => socket.destroy(), listener);
  }

  /** The client waits for 100 Continue. It may get one later by inform(), or go on without one after a while. */
  awaitContinue(): void {
    this.#isAwaited = true;
  }

  /** Tells the client at once to send its body. */
  goOn(): void {
    this.#isAwaited = true;
    this.inform(100, []);
  }

  /**
   * Sends an interim response. 100 is sent once, and only to a client that waits for it. HTTP/1.0 has no interim responses (RFC 9110
   * section 15.2). Throws if Node does not accept the fields.
   */
  inform(httpStatus: number, fields: readonly string[]): void {
    const { response } = this;
    if (response.headersSent || response.destroyed || response.req.httpVersion !== '1.1') return;
    if (httpStatus === 100) {
      if (this.#isAwaited) response.writeContinue();
      this.#isAwaited = false;
    } else if ('writeInformation' in response) {
      // Node has this method since 24.18. Older versions drop the interim response.
      response.writeInformation(httpStatus, fields);
    }
  }

  /**
   * Sets the head of the response. Throws if Node does not accept the fields.
   * @param fields alternating names and values
   * @param hasLength whether content-length is among them
   */
  begin(httpStatus: number, reasonPhrase: string | undefined, fields: string[], hasLength: boolean): void {
    // The client did not wait for 100, and its body is complete. Without a 100, Node would close the connection, as if the body were
    // still missing.
    if (this.#isAwaited && this.response.req.complete) this.inform(100, []);
    const reason = printable(reasonPhrase) ?? STATUS_CODES[httpStatus] ?? '';
    this.response.writeHead(httpStatus, reason, fields);
    this.#hasLength = hasLength;
  }

  /** Sends the head if Node still holds it back. Does not use flushHeaders(), which writes the head in UTF-8. */
  flush(): void {
    if (this.#hasWritten || this.response.destroyed) return;
    this.#hasWritten = true;
    this.response.write('', 'latin1');
  }

  /** @returns whether there is room for more. If not, whenWritable() reports when there is. */
  write(chunk: Buffer): boolean {
    this.#hasWritten = true;
    return this.response.write(chunk);
  }

  whenWritable(then: () => void): void {
    this.response.once('drain', this.#guard(then));
  }

  /**
   * Ends the response. The rest of the request's body is read and dropped: closing a connection with unread bytes resets it, and the
   * client would lose the response. A response with content-length is therefore ended only when the whole body has arrived, unless the
   * client waits for 100.
   */
  end(trailers: readonly string[]): void {
    const { response } = this;
    if (trailers.length > 0) response.addTrailers(pairsOf(trailers));
    if (response.req.complete || this.#isAwaited || !this.#hasLength) {
      this.#hasWritten = true;
      response.end();
    } else {
      this.flush();
      response.req.once(
        'end',
        this.#guard(() => {
          response.end();
        }),
      );
    }
    this.#dropBody();
  }

  /** Reads and drops the rest of the body, which precedes the next request, for a limited time. */
  #dropBody(): void {
    const { req: request } = this.response;
    const { socket } = request;
    request.resume();
    if (request.complete || socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    const clear = this.#guard(() => {
      clearTimeout(timer);
      request.off('close', clear);
      socket.off('close', clear);
    });
    request.once('close', clear);
    // After a complete response, Node does not emit 'close' on an incomplete request.
    socket.once('close', clear);
  }
}

/** How long a client may go on sending a body that is dropped. Like nginx `lingering_time`. */
const LINGER_MS = 30_000;
/** How long a client may take nothing of pending data. Then, how long it may take to close its side. */
const CLOSE_TIMEOUT_MS = 5000;

/**
 * Breaks the connection off, so that an incomplete response does not look complete. An HTTP/1.1 client notices that content or the last
 * chunk is missing. An HTTP/1.0 client takes FIN for the end of the response, so it gets a TCP reset. Node cannot reset TLS connections,
 * where the missing close_notify tells the client (RFC 8446 section 6.1), nor unix sockets.
 */
export function breakOff({ httpVersion, socket }: IncomingMessage): void {
  const isReset =
    httpVersion === '1.0' && !(socket instanceof TLSSocket) && socket.remoteAddress !== undefined;
  if (isReset) socket.resetAndDestroy();
  else socket.destroy();
}

/**
 * Sends FIN after the data that was written, and drops what still arrives. Closing at once could make the kernel send RST and discard
 * the data. A client that takes nothing for a while is given up.
 */
export function closeGently(socket: Socket): void {
  let takenBytes = -1;
  const lookAtProgress = (): void => {
    const taken = socket.bytesWritten - socket.writableLength;
    if (taken === takenBytes || socket.writableLength === 0) socket.destroy();
    takenBytes = taken;
  };
  const timer = setInterval(lookAtProgress, CLOSE_TIMEOUT_MS);
  socket.once('close', () => clearInterval(timer));
  socket.end();
  socket.resume();
}

/** @returns the reason phrase, or undefined if it is empty or Node would refuse to write it */
function printable(reasonPhrase = ''): string | undefined {
  return /^[\t\x20-\x7e\x80-\xff]+$/.test(reasonPhrase) ? reasonPhrase : undefined;
}

function ignore(): void {
  // 'close' follows.
}
