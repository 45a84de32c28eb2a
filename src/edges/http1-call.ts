// Presents the request of an HTTP/1.1 client as a stream to its exchange, and writes the response. To the exchange, a WebSocket is an
// extended CONNECT, as it is over HTTP/2 (RFC 8441).

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { CallStream } from '../calls/call-stream.ts';
import type { ClientCall } from '../calls/client-call.ts';
import { requestTrailersTooLarge } from '../calls/failure.ts';
import { addFields, requestTrailers, sizeOfFields } from '../calls/http1-fields.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import type { StreamRoom } from '../h2/stream-room.ts';
import type { Containment } from '../transport/containment.ts';
import type { WaitingSocket } from '../transport/waiting-socket.ts';
import { acceptOf } from '../upstreams/http1/websocket-handshake.ts';
import { breakOff, closeGently, Http1Reply } from './http1-reply.ts';
import type { HeaderLimits } from './http1-request.ts';

/** How many bytes of a request may be pending before the proxy stops reading from the client. */
const WINDOW_BYTES = 65_536;
const NOTHING: Buffer = Buffer.alloc(0);

export interface Http1CallParts {
  readonly request: IncomingMessage;
  /** The response, or, for a WebSocket request, the socket that waits for its turn. */
  readonly answer: Http1Reply | WaitingSocket;
  /** Wraps the listeners on Node's objects for this client. */
  readonly containment: Containment;
  /** Whether the request can have a body. */
  readonly hasBody: boolean;
  /** The limits of the request's trailer section. */
  readonly limits: HeaderLimits;
  /** Called once, when the last byte of the response was passed to the connection, or the connection is gone. */
  readonly onClosed: () => void;
}

export class Http1Call implements CallStream {
  sentStatus: number | undefined = undefined;
  readonly #parts: Http1CallParts;
  readonly #socket: Socket;
  #owner: ClientCall | undefined = undefined;
  #reply: Http1Reply | undefined;
  readonly #waiting: WaitingSocket | undefined;
  /** True once the WebSocket is open. */
  #isTunnel = false;
  #hasRoom = true;
  /** True once nothing more is sent to the client. */
  #hasEnded = false;
  /** True once further data of the request is dropped. */
  #isDropping = false;
  #uncreditedBytes = 0;
  #isPaused = false;
  #isClosed = false;
  /** How many bytes the client's connection had taken when noteProgress() last saw progress, and when that was. */
  #takenBytes = -1;
  #takenAtMs = 0;

  constructor(parts: Http1CallParts) {
    const { request, answer } = parts;
    this.#parts = parts;
    this.#socket = request.socket;
    this.#reply = answer instanceof Http1Reply ? answer : undefined;
    this.#waiting = answer instanceof Http1Reply ? undefined : answer;
    (this.#reply?.response ?? request.socket).once(
      'close',
      this.#guard(() => this.#close()),
    );
  }

  /** Whether nothing can be sent to the client any more. */
  get isClosed(): boolean {
    return this.#isClosed || !this.#socket.writable;
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** @param owner receives the events from now on */
  own(owner: ClientCall): void {
    this.#owner = owner;
  }

  /** The client waits for 100 Continue before it sends its body (RFC 9110 section 10.1.1). */
  awaitContinue(): void {
    this.#reply?.awaitContinue();
  }

  /** Sends 100 if the request has an expectation that means nothing (see readHttp1Request): Node would close the connection without one. */
  goOn(): void {
    if (this.#parts.request.headers.expect !== undefined) this.#reply?.goOn();
  }

  /** Starts reading the body, at the pace of the owner. The owner has been started already. */
  receive(): void {
    const { request, hasBody } = this.#parts;
    if (this.#reply === undefined || !hasBody) return;
    this.#listen(request, () => this.#endRequest(request.rawTrailers));
  }

  #endRequest(rawTrailers: readonly string[]): void {
    const { headerFields, headerListBytes } = this.#parts.limits;
    if (rawTrailers.length / 2 > headerFields || sizeOfFields(rawTrailers) > headerListBytes) {
      this.#owner?.abort(requestTrailersTooLarge(headerListBytes, headerFields));
      return;
    }
    const trailers = requestTrailers(rawTrailers);
    if (trailers.length === 0) {
      this.#owner?.onData(NOTHING, 0, 0, true);
      return;
    }
    const list = new HeaderList();
    addFields(list, trailers);
    this.#owner?.onTrailers(list);
  }

  /** Closes the connection after this response. */
  closeAfter(): void {
    const response = this.#reply?.response;
    if (response !== undefined && !response.headersSent) response.shouldKeepAlive = false;
  }

  #listen(source: Readable, onEnd: () => void): void {
    source.on(
      'data',
      this.#guard((chunk: Buffer) => this.#receiveData(source, chunk)),
    );
    const end = this.#guard(() => {
      if (!this.#isDropping) onEnd();
    });
    // Node may already have emitted 'end': it does so for an empty stream even if nobody reads it.
    if (source.readableEnded) end();
    else source.on('end', end);
  }

  #receiveData(source: Readable, chunk: Buffer): void {
    if (this.#isDropping) return;
    this.#uncreditedBytes += chunk.length;
    this.#owner?.onData(chunk, 0, chunk.length, false);
    if (this.#isDropping || this.#uncreditedBytes < WINDOW_BYTES) return;
    this.#isPaused = true;
    source.pause();
  }

  credit(size: number): void {
    this.#uncreditedBytes -= size;
    if (!this.#isPaused || this.#uncreditedBytes * 2 > WINDOW_BYTES) return;
    this.#isPaused = false;
    (this.#isTunnel ? this.#socket : this.#parts.request).resume();
  }

  sendHeaders(list: HeaderList, endStream: boolean): boolean {
    if (this.isClosed || this.#hasEnded) return false;
    const httpStatus = Number(list.get(':status') ?? 0);
    if (httpStatus === 0) {
      this.#end(flatFields(list));
    } else if (httpStatus < 200) {
      this.#reply?.inform(httpStatus, flatFields(list));
    } else if (this.#waiting !== undefined && this.#reply === undefined && httpStatus === 200) {
      this.#openTunnel(this.#waiting, list);
    } else {
      this.#begin(httpStatus, list, endStream);
    }
    return true;
  }

  #begin(httpStatus: number, list: HeaderList, endStream: boolean): void {
    const reply = this.#openReply();
    reply.begin(httpStatus, list.spellingAt(0), flatFields(list), list.get('content-length') !== undefined);
    if (endStream) {
      this.#end([]);
      return;
    }
    // Data that arrived together with the head is written before the flush, and then takes the head along.
    process.nextTick(this.#guard(() => reply.flush()));
  }

  #openReply(): Http1Reply {
    if (this.#reply === undefined) {
      const { request, containment } = this.#parts;
      this.#waiting?.drop();
      this.#reply = Http1Reply.onSocket(request, containment);
    }
    return this.#reply;
  }

  /** For the exchange, the 101 response of the service is a 200 response to extended CONNECT. */
  #openTunnel(waiting: WaitingSocket, list: HeaderList): void {
    const socket = this.#socket;
    const { headers } = this.#parts.request;
    this.#isTunnel = true;
    this.sentStatus = 101;
    const accept = acceptOf(headers['sec-websocket-key'] ?? '');
    const fields = ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Accept', accept];
    socket.write(headOf101([...fields, ...flatFields(list)]), 'latin1');
    socket.on(
      'drain',
      this.#guard(() => this.#onDrain()),
    );
    // Without this, Node would end our side of a TLS connection as soon as the client ends its side. Data to the client would be lost.
    socket.allowHalfOpen = true;
    waiting.giveBack();
    this.#listen(socket, () => this.#owner?.onData(NOTHING, 0, 0, true));
    socket.resume();
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const size = end - start;
    if (this.isClosed || this.#hasEnded || (size > 0 && !this.#hasRoom)) return 0;
    if (size > 0) {
      // The caller reuses the buffer after this call.
      const copy = Buffer.from(bytes.subarray(start, end));
      this.#hasRoom = this.#isTunnel ? this.#socket.write(copy) : this.#write(copy);
    }
    if (endStream) this.#end([]);
    return size;
  }

  #write(copy: Buffer): boolean {
    const reply = this.#openReply();
    if (reply.write(copy)) return true;
    reply.whenWritable(() => this.#onDrain());
    return false;
  }

  #onDrain(): void {
    this.#hasRoom = true;
    if (!this.#hasEnded) this.#owner?.onWritable();
  }

  #end(trailers: readonly string[]): void {
    this.#hasEnded = true;
    this.#drop();
    if (this.#isTunnel) closeGently(this.#socket);
    else this.#reply?.end(trailers);
  }

  reset(code: number): boolean {
    if (this.#isClosed || this.#hasEnded) return false;
    // NO_ERROR says that everything has been sent, so there is nothing to break off.
    if (code === ErrorCode.NO_ERROR) return true;
    this.#hasEnded = true;
    this.#drop();
    // HTTP/1.1 cannot transmit the error code, so the connection is broken off.
    breakOff(this.#parts.request);
    return true;
  }

  #drop(): void {
    this.#isDropping = true;
  }

  /**
   * Call this periodically, since it notes whether the client has taken bytes since the last time.
   * @returns for how long the client has taken nothing of what waits for it, in milliseconds. 0 if nothing waits
   */
  noteProgress(nowMs: number): number {
    const { bytesWritten, writableLength } = this.#socket;
    const takenBytes = bytesWritten - writableLength;
    if (writableLength === 0 || takenBytes !== this.#takenBytes) {
      this.#takenBytes = takenBytes;
      this.#takenAtMs = Math.floor(nowMs);
    }
    return Math.max(0, nowMs - this.#takenAtMs);
  }

  get roomBytes(): number {
    return this.isClosed || this.#hasEnded || !this.#hasRoom ? 0 : Number.POSITIVE_INFINITY;
  }

  get room(): StreamRoom {
    return {
      sendWindow: undefined,
      receiveWindow: undefined,
      connectionSendWindow: undefined,
      connectionReceiveWindow: undefined,
      unsentBytes: this.#socket.writableLength,
      unsentMs: this.noteProgress(performance.now()),
      heldBytes: 0,
      isPaused: this.#isPaused,
    };
  }

  /** Closes the connection without a response. */
  destroy(): void {
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      if (!this.#hasEnded) this.#owner?.onConnectionLost('it was closed before the response was complete');
    } finally {
      this.#parts.onClosed();
    }
  }

  #guard<Values extends readonly unknown[]>(
    listener: (...values: Values) => void,
  ): (...values: Values) => void {
    return this.#parts.containment.guard(() => this.#break(), listener);
  }

  /** Ends the connection after a listener has thrown, and releases everything. */
  #break(): void {
    this.#socket.destroy();
    this.#close();
  }
}

/** @returns alternating names and values in their original spelling, without pseudo-header fields */
function flatFields(list: HeaderList): string[] {
  const flat: string[] = [];
  list.names.forEach((name, index) => {
    if (!name.startsWith(':')) flat.push(list.spellingAt(index) ?? name, list.valueAt(index));
  });
  return flat;
}

function headOf101(fields: readonly string[]): string {
  let text = 'HTTP/1.1 101 Switching Protocols\r\n';
  for (let index = 0; index < fields.length; index += 2) text += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${text}\r\n`;
}
