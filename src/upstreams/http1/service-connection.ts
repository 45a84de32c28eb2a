// One connection to an HTTP/1.1 service, for one request at a time. Reads the response, or for a WebSocket the bytes, and writes once in
// each turn of the event loop. Whatever the service sends while there is no request ends the connection.

import type { Socket } from 'node:net';
import {
  type ParsedHead,
  type ParseError,
  type ResponseEvents,
  ResponseParser,
} from '../../h1/response-parser.ts';
import type { Containment } from '../../transport/containment.ts';
import { type Flushable, scheduleFlush } from '../../transport/flush-queue.ts';
import { SocketBytes } from '../../transport/socket-bytes.ts';
import type { BytesOwner } from '../../transport/socket-handle.ts';
import { beginTurn, endTurn } from '../../transport/turn-clock.ts';

/** With this much unsent, the user of a connection has to wait; at half of it, it may go on. */
const MOST_UNSENT_BYTES = 65_536;

/** The request that has the connection. It gets nothing more once it has released the connection. */
export interface ConnectionUser extends ResponseEvents {
  /** Bytes of a WebSocket, valid during the call. */
  onTunnelData(bytes: Buffer, start: number, end: number): void;
  /** The service has closed its side of a WebSocket. */
  onTunnelEnd(): void;
  /** There is room again after `write` said that there is none. */
  onRoom(): void;
  /** The service has sent something else than HTTP/1.1. */
  onInvalid(error: ParseError): void;
  /** The connection is closed. @param code of the socket's error; undefined when it was closed without one */
  onLost(code: string | undefined, reason: string | undefined): void;
  /** One of these methods has thrown, which was reported. It may throw again. */
  onFault(): void;
}

/** Who keeps the connections of an endpoint. */
export interface ConnectionKeeper {
  /** The connection may serve another request. */
  onFree(connection: ServiceConnection): void;
  onClosed(connection: ServiceConnection): void;
}

export class ServiceConnection implements ResponseEvents, BytesOwner, Flushable {
  readonly #socket: Socket;
  readonly #keeper: ConnectionKeeper;
  readonly #containment: Containment;
  readonly #parser: ResponseParser;
  readonly #bytes: SocketBytes;
  #user: ConnectionUser | undefined = undefined;
  #isStarted = false;
  #isTunnel = false;
  #isPaused = false;
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  /** The socket still reads from this. */
  #sending: Buffer | undefined = undefined;
  #isFlushDue = false;
  #wasFull = false;
  #isToEnd = false;
  #isClosed = false;
  #error: NodeJS.ErrnoException | undefined = undefined;
  /** It has served another request before. */
  isReused = false;
  /** When it became free, in whole milliseconds. */
  freeSinceMs = 0;

  /**
   * @param socket connected, with nothing written to it
   * @param maxHeadBytes how many bytes of a head are parsed
   */
  constructor(socket: Socket, maxHeadBytes: number, containment: Containment, keeper: ConnectionKeeper) {
    this.#socket = socket;
    this.#keeper = keeper;
    this.#containment = containment;
    this.#parser = new ResponseParser(maxHeadBytes);
    this.#bytes = new SocketBytes(socket, this);
    const close = (): void => this.destroy();
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= error;
    });
    socket.on(
      'end',
      containment.guard(close, () => this.#run(() => this.#ended())),
    );
    socket.on(
      'close',
      containment.guard(close, () => this.#run(() => this.#closed())),
    );
  }

  /** Whether the connection stays open behind the response, which has ended, and nothing is left to send or to read. */
  get isReusable(): boolean {
    if (this.#isClosed || this.#isTunnel || !this.#parser.hasEnded || this.#parser.hasExcess) return false;
    return this.#parser.isPersistent && this.#unsentBytes === 0 && this.#error === undefined;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#socket.destroyed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Gives the connection to a request. @param isHead its method is HEAD */
  begin(user: ConnectionUser, isHead: boolean): void {
    this.#user = user;
    this.#parser.begin(isHead);
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#bytes.start();
    this.#bytes.resume();
  }

  /** Ends the use. A connection that is not reusable is closed. */
  release(): void {
    if (this.#user === undefined) return;
    const { isReusable } = this;
    this.#user = undefined;
    if (!isReusable) {
      this.destroy();
      return;
    }
    if (this.#isPaused) this.resume();
    this.#wasFull = false;
    this.isReused = true;
    this.#keeper.onFree(this);
  }

  /** Closes the connection. Its user is told nothing more. */
  destroy(): void {
    this.#user = undefined;
    this.#socket.destroy();
  }

  /** Closes the connection under its user, who is told that it is lost. */
  breakOff(): void {
    this.#socket.destroy();
  }

  /** From now on, and after a head with status 101, what comes and goes is not HTTP. */
  becomeTunnel(): void {
    this.#isTunnel = true;
  }

  pause(): void {
    this.#isPaused = true;
    this.#bytes.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#bytes.resume();
  }

  /** Sends the bytes, which are the connection's from now on. @returns whether there is room for more; if not, onRoom follows */
  write(bytes: Buffer): boolean {
    if (this.#isClosed || this.#isToEnd) return true;
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    this.#flushLater();
    this.#wasFull = this.#unsentBytes >= MOST_UNSENT_BYTES;
    return !this.#wasFull;
  }

  /** Closes our side when everything is sent. */
  end(): void {
    this.#isToEnd = true;
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    scheduleFlush(this);
  }

  flush(): void {
    const user = this.#user;
    try {
      this.#send();
    } catch (fault) {
      this.#contain(user, fault);
    }
  }

  #send(): void {
    this.#isFlushDue = false;
    while (this.#sending === undefined && this.#unsent.length > 0 && !this.#socket.destroyed) {
      const bytes = this.#unsent.length === 1 ? this.#unsent[0] : Buffer.concat(this.#unsent);
      this.#unsent = [];
      if (this.#bytes.write(bytes)) this.#unsentBytes -= bytes.length;
      else this.#sending = bytes;
    }
    if (this.#isToEnd && this.#unsentBytes === 0) this.#socket.end();
    this.#tellRoom();
  }

  written(error: Error | undefined): void {
    const sent = this.#sending;
    this.#sending = undefined;
    if (sent === undefined || error !== undefined) return;
    this.#unsentBytes -= sent.length;
    this.flush();
  }

  #tellRoom(): void {
    if (!this.#wasFull || this.#unsentBytes * 2 > MOST_UNSENT_BYTES) return;
    this.#wasFull = false;
    this.#user?.onRoom();
  }

  receive(chunk: Buffer): void {
    const user = this.#user;
    if (user === undefined) {
      this.destroy();
      return;
    }
    beginTurn();
    try {
      if (this.#isTunnel) user.onTunnelData(chunk, 0, chunk.length);
      else this.#parse(chunk);
    } catch (fault) {
      this.#contain(user, fault);
    } finally {
      endTurn();
    }
  }

  #parse(chunk: Buffer): void {
    const error = this.#parser.receive(chunk, this);
    if (error !== undefined) this.#user?.onInvalid(error);
    // The WebSocket's first bytes may come with the head.
    else if (this.#isTunnel && this.#parser.hasExcess)
      this.#user?.onTunnelData(chunk, this.#parser.parsed, chunk.length);
  }

  fail(fault: unknown): void {
    this.#contain(this.#user, fault);
  }

  /** Runs `action` for an event of the socket. */
  #run(action: () => void): void {
    const user = this.#user;
    try {
      action();
    } catch (fault) {
      this.#contain(user, fault);
    }
  }

  /** Reports a fault of ours. @param user who had the connection when its method threw: it may have released it meanwhile */
  #contain(user: ConnectionUser | undefined, fault: unknown): void {
    this.#containment.run(
      () => {
        this.destroy();
        user?.onFault();
      },
      () => {
        throw fault;
      },
    );
  }

  #ended(): void {
    const user = this.#user;
    if (user === undefined) {
      this.destroy();
    } else if (this.#isTunnel) {
      user.onTunnelEnd();
    } else {
      const error = this.#parser.finish(this);
      if (error === undefined) return;
      this.destroy();
      user.onLost(undefined, undefined);
    }
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const user = this.#user;
    this.#user = undefined;
    this.#bytes.release();
    this.#parser.free();
    this.#unsent = [];
    this.#keeper.onClosed(this);
    user?.onLost(this.#error?.code, this.#error?.message);
  }

  // What the parser tells.

  onInterim(head: ParsedHead): void {
    this.#user?.onInterim(head);
  }

  onSwitched(head: ParsedHead): void {
    this.#user?.onSwitched(head);
  }

  onHead(head: ParsedHead): void {
    this.#user?.onHead(head);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.#user?.onBody(bytes, start, end);
  }

  onEnd(rawTrailers: readonly string[]): void {
    this.#user?.onEnd(rawTrailers);
  }
}
