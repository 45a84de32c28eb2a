// Where gRPC-Web calls over HTTP/1.1 enter the relay: as an HTTP/2 client of its own for each client's socket, on a pair of
// streams in memory. Carries method, path, fields and bodies; it never looks into them.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ErrorCode } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { DownstreamPeer } from '../relay/request-head.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import type { Containment } from '../transport/containment.ts';
import { memoryPair } from '../transport/memory-pair.ts';
import { breakOff } from './http1-reply.ts';
import { readHttp1Request } from './http1-request.ts';

/** As many as the relay may let through; Node's own limit is 128. */
const MOST_RESPONSE_FIELDS = 4096;
/** Fields are for the relay to judge. Node has these options, its types have them for servers only. */
const AS_IT_IS = { strictSingleValueFields: false, strictFieldWhitespaceValidation: false };
/** The relay counts and refuses, so that there is a record of it. */
const UNLIMITED = { headerFields: Number.POSITIVE_INFINITY, headerListBytes: Number.POSITIVE_INFINITY };

/** What is needed of the relay. */
export interface Http2Acceptor {
  accept(socket: Duplex, peer: DownstreamPeer, head: Buffer | undefined, last?: Snapshot): void;
}

export class GrpcWebEntry {
  readonly #relay: Http2Acceptor;
  readonly #containment: Containment;
  readonly #sessions = new WeakMap<Socket, ClientHttp2Session>();

  constructor(relay: Http2Acceptor, containment: Containment) {
    this.#relay = relay;
    this.#containment = containment;
  }

  /**
   * For requests that the relay is to answer: gRPC-Web calls, and preflights on routes that serve them.
   * @param last as of `Relay.accept`
   */
  handle(request: IncomingMessage, response: ServerResponse, peer: DownstreamPeer, last?: Snapshot): void {
    this.#containment.run(
      () => request.socket.destroy(),
      () => this.#handle(request, response, peer, last),
    );
  }

  #handle(
    request: IncomingMessage,
    response: ServerResponse,
    peer: DownstreamPeer,
    last: Snapshot | undefined,
  ): void {
    request.on('error', ignore);
    response.on('error', ignore);
    const read = readHttp1Request(request, UNLIMITED, peer.tls);
    const stream = read.isValid
      ? this.#open(this.#sessionOf(request.socket, peer, last), fieldsOf(read.list))
      : undefined;
    if (stream === undefined) {
      answer(request, response, 400, 'This request cannot be forwarded: its header fields are not valid.');
      return;
    }
    // The relay reads the body as it comes, whatever becomes of the call. Without a 100 Node closes the connection behind the answer.
    if (request.httpVersion === '1.1' && request.headers.expect !== undefined) response.writeContinue();
    request.pipe(stream);
    carryResponse(request, response, stream, this.#containment);
  }

  /** Undefined where Node finds something in the fields that it does not send. */
  #open(session: ClientHttp2Session, fields: readonly string[]): ClientHttp2Stream | undefined {
    try {
      return session.request(fields);
    } catch {
      return undefined;
    }
  }

  /** Closed with the client's socket. The relay closes it when it drains; a call that comes after that opens another. */
  #sessionOf(socket: Socket, peer: DownstreamPeer, last: Snapshot | undefined): ClientHttp2Session {
    const known = this.#sessions.get(socket);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    // Loaded with the first request that needs it.
    const { connect } = process.getBuiltinModule('node:http2');
    const [near, far] = memoryPair();
    const session = connect('http://framegate', {
      createConnection: () => near,
      settings: { enablePush: false },
      maxHeaderListPairs: MOST_RESPONSE_FIELDS,
      ...AS_IT_IS,
    });
    // Its streams are told as well.
    session.on('error', ignore);
    socket.once(
      'close',
      this.#containment.guard(ignore, () => session.destroy()),
    );
    this.#sessions.set(socket, session);
    this.#relay.accept(far, peer, undefined, last);
    return session;
  }
}

function carryResponse(
  request: IncomingMessage,
  response: ServerResponse,
  stream: ClientHttp2Stream,
  containment: Containment,
): void {
  const guard = <Values extends readonly unknown[]>(listener: (...values: Values) => void) =>
    containment.guard(() => request.socket.destroy(), listener);
  stream.on(
    'response',
    guard((headers, _flags, rawHeaders: readonly string[]) => {
      response.writeHead(Number(headers[':status']), withoutPseudoFields(rawHeaders));
      response.flushHeaders();
      stream.pipe(response, { end: false });
    }),
  );
  stream.on('error', ignore);
  // Node does not close the stream by itself where the relay answered before it took all of the request: what was
  // written last still waits for credit. A code that the stream was reset with stays as it is.
  stream.on(
    'end',
    guard(() => {
      stream.destroy();
    }),
  );
  stream.on(
    'close',
    guard(() => {
      request.unpipe(stream);
      request.resume();
      if (!response.headersSent) answer(request, response, 502, 'The call was reset before it was answered.');
      else if (stream.rstCode === ErrorCode.NO_ERROR) response.end();
      // HTTP/1.1 has no other way to say that the response is not whole.
      else breakOff(request);
    }),
  );
  response.on(
    'close',
    guard(() => {
      if (!response.writableFinished) stream.close(ErrorCode.CANCEL);
    }),
  );
}

/** Names and values by turns. `expect` is answered here. */
function fieldsOf({ names, values }: HeaderList): string[] {
  return names.flatMap((name, index) => (name === 'expect' ? [] : [name, values[index]]));
}

function withoutPseudoFields(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_text, index) => !rawHeaders[index - (index % 2)].startsWith(':'));
}

function answer(request: IncomingMessage, response: ServerResponse, status: number, sentence: string): void {
  if (response.destroyed || response.headersSent) return;
  request.resume();
  const body = `${sentence}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function ignore(): void {
  // Told by 'close' too, where it is acted on.
}
