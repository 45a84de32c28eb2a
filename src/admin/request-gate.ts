// One HTTP/1.1 connection to the admin server, between its socket and Node's HTTP server. Node parses and starts every request that it finds
// in 64 KiB. It gets one here: what a client sends behind a request that is being answered is neither parsed nor judged, and ends the
// connection after the answer. What is read waits for its turn.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Containment } from '../transport/containment.ts';
import type { AdminPlace } from './admin-connections.ts';
import { refuseBadRequest } from './admin-socket.ts';
import type { AdminTurns } from './admin-turns.ts';

const END_OF_HEAD = '\r\n\r\n';
/** Of a body in chunks, whose end only the parser knows, so much is parsed at a time. */
const PIECE_BYTES = 1024;

export interface RequestGateParts {
  readonly turns: AdminTurns;
  readonly containment: Containment;
  readonly place: AdminPlace;
}

/** What the next bytes of the client are. over: of no interest, since the connection is about to close. */
type Next = 'head' | 'body' | 'chunks' | 'behind' | 'over';

export class RequestGate extends Duplex {
  readonly place: AdminPlace;
  readonly #socket: Socket;
  readonly #parts: RequestGateParts;
  #held: Buffer = NOTHING;
  /** The last bytes of the head that were handed over, since its end may come in two parts. */
  #tail: Buffer = NOTHING;
  #next: Next = 'head';
  #bodyBytesLeft = 0;
  #request: IncomingMessage | undefined = undefined;
  #isAnswered = true;
  #isWanted = false;
  #hasWritten = false;
  #hasEnded = false;
  #hasMore = false;
  readonly #step: () => void;
  /** As of a socket: Node's HTTP server ends connections by it whose clients ask for nothing more. */
  readonly setTimeout = (ms: number): this => {
    this.#socket.setTimeout(ms);
    return this;
  };

  /** @param socket has no listener for 'data' */
  constructor(socket: Socket, head: Buffer, parts: RequestGateParts) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#parts = parts;
    this.place = parts.place;
    this.#held = head;
    const end = (): void => void this.destroy();
    const { containment } = parts;
    this.#step = containment.guard(end, () => {
      this.#passOn();
      this.place.wasHeard();
    });
    socket.on(
      'data',
      containment.guard(end, (chunk: Buffer) => this.#received(chunk)),
    );
    socket.on(
      'end',
      containment.guard(end, () => {
        this.#hasEnded = true;
        this.#wantTurn();
      }),
    );
    socket.on('close', containment.guard(end, end));
    // Node has paused it, since nobody has read the body of the request.
    this.on(
      'resume',
      containment.guard(end, () => this.#goOn()),
    );
    socket.on(
      'timeout',
      containment.guard(end, () => this.emit('timeout')),
    );
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get remoteFamily(): string | undefined {
    return this.#socket.remoteFamily;
  }

  /** Whether the client has sent something behind the request that is being answered, so that the connection ends with the answer. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** Must be called for each request of Node. @returns false for one that must be neither judged nor answered */
  begin(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#next !== 'head') {
      this.#hasMore = true;
      return false;
    }
    this.#request = request;
    this.#isAnswered = false;
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    this.#bodyBytesLeft = Number(length);
    if (coding !== undefined) this.#next = 'chunks';
    else this.#next = this.#bodyBytesLeft > 0 ? 'body' : 'behind';
    response.once(
      'close',
      this.#parts.containment.guard(
        () => this.destroy(),
        () => this.#answered(),
      ),
    );
    return true;
  }

  /** As of a socket: ends the connection when what was written is sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else
      this.once(
        'finish',
        this.#parts.containment.guard(
          () => this.destroy(),
          () => this.destroy(),
        ),
      );
  }

  #received(chunk: Buffer): void {
    if (this.#next === 'over') return;
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#socket.pause();
    // Nothing of it is needed any more, and it is not worth a turn.
    if (this.#next === 'behind') this.#hasMoreBehind();
    else this.#wantTurn();
  }

  #wantTurn(): void {
    if (!this.#isWanted || this.destroyed) return;
    this.place.asks();
    this.#parts.turns.take('http', this.#step);
  }

  #goOn(): void {
    if (this.#held.length > 0 || this.#hasEnded) this.#wantTurn();
  }

  /** Node wants to read. Bytes must be handed over later: now they would wait in a buffer, and Node would parse them some other time. */
  override _read(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    if (this.#held.length > 0 || this.#hasEnded)
      queueMicrotask(
        this.#parts.containment.guard(
          () => this.destroy(),
          () => this.#wantTurn(),
        ),
      );
  }

  #passOn(): void {
    while (this.#held.length > 0 && this.#isReading) {
      if (this.#next === 'behind') {
        this.#hasMoreBehind();
        return;
      }
      if (this.#next === 'over') this.#held = NOTHING;
      else this.#passPiece();
    }
    if (this.#held.length > 0 || this.destroyed) return;
    if (this.#hasEnded) this.push(null);
    else this.#socket.resume();
  }

  /** What is handed over is parsed at once. */
  get #isReading(): boolean {
    return this.#isWanted && !this.destroyed && this.readableFlowing === true && this.readableLength === 0;
  }

  #passPiece(): void {
    const endOfHead = this.#next === 'head' ? this.#endOfHead() : undefined;
    const piece = this.#held.subarray(0, endOfHead ?? this.#mostBytes);
    this.#held = this.#held.subarray(piece.length);
    if (this.#next === 'body') this.#bodyBytesLeft -= piece.length;
    else if (this.#next === 'head') this.#tail = Buffer.concat([this.#tail, piece.subarray(-3)]).subarray(-3);
    this.#isWanted = this.push(piece);
    if (endOfHead !== undefined && this.#request === undefined) this.#noRequest();
    else if (this.#request !== undefined && this.#isWhole) this.#requestIsWhole();
  }

  /** @returns how many of the bytes that are held belong to the head, or undefined if it does not end in them */
  #endOfHead(): number | undefined {
    const { length } = this.#tail;
    const seam = Buffer.concat([this.#tail, this.#held.subarray(0, 3)]).indexOf(END_OF_HEAD);
    if (seam !== -1) return seam + END_OF_HEAD.length - length;
    const end = this.#held.indexOf(END_OF_HEAD);
    return end === -1 ? undefined : end + END_OF_HEAD.length;
  }

  get #mostBytes(): number {
    if (this.#next === 'body') return this.#bodyBytesLeft;
    return this.#next === 'chunks' ? PIECE_BYTES : this.#held.length;
  }

  get #isWhole(): boolean {
    if (this.#next === 'body') return this.#bodyBytesLeft === 0;
    return this.#next === 'chunks' ? this.#request?.complete === true : this.#next === 'behind';
  }

  #requestIsWhole(): void {
    // Where the body in chunks ends, the parser may have found the beginning of another request.
    if (this.#next === 'chunks') this.#hasMore = true;
    this.#next = 'behind';
    if (this.#isAnswered) this.#answered();
  }

  /** Node has answered by itself, or has found an error, or there were only empty lines. */
  #noRequest(): void {
    this.#next = 'over';
    this.#held = NOTHING;
    if (!this.#hasWritten && !this.writableEnded) refuseBadRequest({ name: '', message: '' }, this);
  }

  #answered(): void {
    this.#isAnswered = true;
    if (this.destroyed) return;
    this.place.done();
    if (this.#hasMore) this.destroySoon();
    else if (this.#next === 'behind') this.#nextRequest();
  }

  #nextRequest(): void {
    this.#next = 'head';
    this.#tail = NOTHING;
    this.#request = undefined;
  }

  /** The socket stays paused, so that the client cannot make us read. */
  #hasMoreBehind(): void {
    this.#hasMore = true;
    this.#held = NOTHING;
    if (this.#isAnswered) this.destroySoon();
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#hasWritten = true;
    this.#socket.write(chunk, () => callback());
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], callback: () => void): void {
    this.#hasWritten = true;
    const last = chunks.length - 1;
    this.#socket.cork();
    for (const [at, { chunk }] of chunks.entries())
      this.#socket.write(chunk, at === last ? () => callback() : undefined);
    this.#socket.uncork();
  }

  override _final(callback: () => void): void {
    this.#socket.end(() => callback());
  }

  override _destroy(_error: Error | null, callback: () => void): void {
    this.#parts.turns.forget(this.#step);
    this.#held = NOTHING;
    this.#socket.destroy();
    // An error of the socket says no more than that the connection has gone.
    callback();
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
