// The response to an HTTP/1.1 client, on Node's ServerResponse. Whatever the service said, what is written here is
// well-formed, or the connection is broken off: never a clean end of what is not whole.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LocalResponse } from '../relay/local-response.ts';
import { pairsOf } from './body-pump.ts';
import type { ResponseHead } from './forwarding.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { ServerResponse: NodeResponse, STATUS_CODES } = process.getBuiltinModule('node:http');

export class Http1Reply {
  readonly response: ServerResponse;
  /** 0 until there is a head. */
  httpStatus = 0;
  /** Of a response of our own. */
  writtenBytes = 0;

  constructor(response: ServerResponse) {
    this.response = response;
    // A client that is gone is told by 'close'.
    response.on('error', ignore);
  }

  /** For a request with an upgrade, which Node leaves without a response. The connection ends with it. */
  static onSocket(request: IncomingMessage, socket: Socket): Http1Reply {
    const response = new NodeResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => {
      response.detachSocket(socket);
      closeGently(socket);
    });
    return new Http1Reply(response);
  }

  /** Throws where Node does not accept the fields. */
  begin({ httpStatus, reasonPhrase, fields }: ResponseHead): void {
    this.response.writeHead(httpStatus, printable(reasonPhrase) ?? STATUS_CODES[httpStatus] ?? '', fields);
    this.httpStatus = httpStatus;
  }

  /** Not by flushHeaders, which writes it in UTF-8. */
  flush(): void {
    if (!this.response.destroyed) this.response.write('', 'latin1');
  }

  /** @returns whether there is room for more; if not, `whenWritable` says when */
  write(chunk: Buffer): boolean {
    return this.response.write(chunk);
  }

  whenWritable(then: () => void): void {
    this.response.once('drain', then);
  }

  end(trailers: readonly string[]): void {
    if (trailers.length > 0) this.response.addTrailers(pairsOf(trailers));
    this.response.end();
  }

  /**
   * A whole response of our own. It is not ended before the client has sent its body, which is dropped: a connection that
   * closes over octets that nobody has read is reset, and the client loses the answer.
   */
  answer({ httpStatus, fields, body }: LocalResponse): void {
    const flat: string[] = [];
    fields.names.forEach((name, index) => {
      if (!name.startsWith(':')) flat.push(name, fields.valueAt(index));
    });
    this.httpStatus = httpStatus;
    this.writtenBytes = body?.length ?? 0;
    const { response } = this;
    response.writeHead(httpStatus, flat);
    if (response.req.complete) {
      response.end(body);
      this.dropBody();
    } else {
      response.write(body ?? '');
      response.req.once('end', () => response.end());
      this.dropBody();
    }
  }

  /** What is still to come of the request stands before the next one; it is read and dropped, for a while. */
  dropBody(): void {
    const { req: request } = this.response;
    const { socket } = request;
    request.resume();
    if (request.complete || socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('close', stop);
    };
    request.once('close', stop);
    // Node says no 'close' of a request whose response has ended before it.
    socket.once('close', stop);
  }
}

/** How long a client may go on sending a body that nobody reads any more. Like nginx `lingering_time`. */
const LINGER_MS = 30_000;
/** How long a client may take to read what was sent to it, and to close its side. */
const CLOSE_TIMEOUT_MS = 5000;

/** Sends our FIN and drops what still comes: closing at once could make the kernel discard what was sent, by RST. */
export function closeGently(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.end();
  socket.resume();
}

/** Undefined for '' and for what Node would refuse to write. */
function printable(reasonPhrase: string): string | undefined {
  return /^[\t\x20-\x7e\x80-\xff]+$/.test(reasonPhrase) ? reasonPhrase : undefined;
}

function ignore(): void {
  // 'close' follows.
}
