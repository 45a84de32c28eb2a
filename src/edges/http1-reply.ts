// The response to an HTTP/1.1 client, on Node's ServerResponse. Whatever the service said, what is written here is
// well-formed, or the connection is broken off: never a clean end of what is not whole.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { pairsOf } from '../calls/http1-fields.ts';
import type { Containment } from '../transport/containment.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { ServerResponse: NodeResponse, STATUS_CODES } = process.getBuiltinModule('node:http');

export class Http1Reply {
  readonly response: ServerResponse;
  readonly #containment: Containment;
  /** The head tells how long the content is: the client knows when it has all of it. */
  #hasLength = false;
  #hasWritten = false;
  /** The client waits for 100 before it sends its body (RFC 9110 section 10.1.1). */
  #isAwaited = false;

  constructor(response: ServerResponse, containment: Containment) {
    this.response = response;
    this.#containment = containment;
    // A client that is gone is told by 'close'.
    response.on('error', ignore);
    // Node would write chunks to a client of HTTP/1.0 that sends TE (RFC 9112 section 6.1).
    if (response.req.httpVersion !== '1.1') response.useChunkedEncodingByDefault = false;
  }

  /** For a request with an upgrade, which Node leaves without a response. The connection ends with it. */
  static onSocket(request: IncomingMessage, containment: Containment): Http1Reply {
    const { socket } = request;
    const response = new NodeResponse(request);
    const reply = new Http1Reply(response, containment);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    // Node's server has let go of this socket, and tells nobody.
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

  /** The client is told when it may go on, or will go on by itself some time. */
  awaitContinue(): void {
    this.#isAwaited = true;
  }

  /** The client need not wait. */
  goOn(): void {
    this.#isAwaited = true;
    this.inform(100, []);
  }

  /**
   * An interim response. One of 100 goes to a client that waits for it, once; of HTTP/1.0 none is known (RFC 9110 section 15.2).
   * Throws where Node does not accept the fields.
   */
  inform(httpStatus: number, fields: readonly string[]): void {
    const { response } = this;
    if (response.headersSent || response.destroyed || response.req.httpVersion !== '1.1') return;
    if (httpStatus === 100) {
      if (this.#isAwaited) response.writeContinue();
      this.#isAwaited = false;
    } else if ('writeInformation' in response) {
      // Since Node 24.18; before it they are lost.
      response.writeInformation(httpStatus, fields);
    }
  }

  /**
   * Throws where Node does not accept the fields.
   * @param fields names and values by turns
   * @param hasLength content-length is among them
   */
  begin(httpStatus: number, reasonPhrase: string | undefined, fields: string[], hasLength: boolean): void {
    // The client did not wait, and its body is whole: without a 100 Node would close the connection for a body that may never come.
    if (this.#isAwaited && this.response.req.complete) this.inform(100, []);
    const reason = printable(reasonPhrase) ?? STATUS_CODES[httpStatus] ?? '';
    this.response.writeHead(httpStatus, reason, fields);
    this.#hasLength = hasLength;
  }

  /** Sends the head, where it waits for content. Not by flushHeaders, which writes it in UTF-8. */
  flush(): void {
    if (this.#hasWritten || this.response.destroyed) return;
    this.#hasWritten = true;
    this.response.write('', 'latin1');
  }

  /** @returns whether there is room for more; if not, `whenWritable` says when */
  write(chunk: Buffer): boolean {
    this.#hasWritten = true;
    return this.response.write(chunk);
  }

  whenWritable(then: () => void): void {
    this.response.once('drain', this.#guard(then));
  }

  /**
   * The response is complete. One with a length is not ended before the client has sent its body, which is dropped: a connection
   * that closes over bytes that nobody has read is reset, and the client loses the answer. A client that waits for 100 sends none.
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

  /** What is still to come of the request stands before the next one; it is read and dropped, for a while. */
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
    // Behind a whole response Node does not close a request that is not whole.
    socket.once('close', clear);
  }
}

/** How long a client may go on sending a body that nobody reads any more. Like nginx `lingering_time`. */
const LINGER_MS = 30_000;
/** In which a client has to take some of what was sent to it, and behind that to close its side. */
const CLOSE_TIMEOUT_MS = 5000;

/**
 * Within the response to this request: half of it must not look like all of it. In HTTP/1.1 its length or its last chunk is
 * missing; a client of HTTP/1.0 takes a FIN for the end, and so a reset is sent. Node resets neither TLS, where the missing
 * close_notify says the same (RFC 8446 section 6.1), nor unix sockets.
 */
export function breakOff({ httpVersion, socket }: IncomingMessage): void {
  const isReset =
    httpVersion === '1.0' && !(socket instanceof TLSSocket) && socket.remoteAddress !== undefined;
  if (isReset) socket.resetAndDestroy();
  else socket.destroy();
}

/**
 * Sends our FIN behind what was written, and drops what still comes: closing at once could make the kernel discard what was
 * sent, by RST. A client that takes nothing for a while is given up.
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

/** Undefined for '' and for what Node would refuse to write. */
function printable(reasonPhrase = ''): string | undefined {
  return /^[\t\x20-\x7e\x80-\xff]+$/.test(reasonPhrase) ? reasonPhrase : undefined;
}

function ignore(): void {
  // 'close' follows.
}
