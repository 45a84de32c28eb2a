// One connection to an HTTP/1.1 service, for one request at a time. It reads the response, or for a WebSocket the bytes, and writes once per
// turn of the event loop. Anything that the service sends while there is no request ends the connection.

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

/** How long the service of a WebSocket may send nothing after the client has closed its side. WebSockets are closed by both sides at once. */
const LINGER_MS = 10_000;
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
  /** The service has sent something before the request: nothing of that was sent. The connection is closed. */
  onUnasked(): void;
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
  /** Some of the request was handed to the socket. */
  #hasAsked = false;
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  /** The socket still reads from this. */
  #sending: Buffer | undefined = undefined;
  #isFlushDue = false;
  #wasFull = false;
  #isToEnd = false;
  #lingerTimer: NodeJS.Timeout | undefined = undefined;
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
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= error;
      // A broken record of TLS is told by 'error' alone: Node leaves the socket open.
      socket.destroy();
    });
    socket.on('end', () => this.#run(() => this.#ended()));
    socket.on('close', () => this.#run(() => this.#closed()));
  }

  /** Whether the connection stays open behind the response, which has ended, and nothing is left to send or to read. */
  get isReusable(): boolean {
    if (this.#isClosed || this.#isTunnel || !this.#parser.hasEnded || this.#parser.hasExcess) return false;
    return this.#parser.isPersistent && this.#unsentBytes === 0 && this.#error === undefined;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#socket.destroyed;
  }

  /** Bytes that wait for the service to take them. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Gives the connection to a request. @param isHead its method is HEAD */
  begin(user: ConnectionUser, isHead: boolean): void {
    this.#user = user;
    this.#hasAsked = false;
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

  /** Closes the connection for its user, who is told nothing more. */
  destroy(): void {
    this.#user = undefined;
    this.#socket.destroy();
  }

  /** Closes the connection against its user, who is told that it is lost. */
  lose(): void {
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

  /** Sends the bytes, which nobody may change from now on. @returns whether there is room for more; if not, onRoom follows */
  write(bytes: Buffer): boolean {
    if (this.#isClosed || this.#isToEnd) return true;
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    this.#flushLater();
    this.#wasFull = this.#unsentBytes >= MOST_UNSENT_BYTES;
    return !this.#wasFull;
  }

  /** Closes our side of a WebSocket when everything is sent, and the connection when the service does not follow. */
  end(): void {
    this.#isToEnd = true;
    this.#flushLater();
    this.#linger();
  }

  #linger(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = setTimeout(
      this.#containment.guard(ignore, () => this.lose()),
      LINGER_MS,
    );
  }

  #flushLater(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    scheduleFlush(this);
  }

  flush(): void {
    this.#run(() => this.#send());
  }

  #send(): void {
    this.#isFlushDue = false;
    while (this.#sending === undefined && this.#unsent.length > 0 && !this.#socket.destroyed) {
      const bytes = this.#unsent.length === 1 ? this.#unsent[0] : Buffer.concat(this.#unsent);
      this.#unsent = [];
      this.#hasAsked = true;
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
      if (this.#isTunnel) this.#receiveTunnelData(user, chunk);
      else if (this.#hasAsked) this.#parse(chunk);
      else this.#receiveUnasked(user, chunk);
    } catch (fault) {
      this.#contain(user, fault);
    } finally {
      endTurn();
    }
  }

  #receiveTunnelData(user: ConnectionUser, chunk: Buffer): void {
    if (this.#isToEnd) this.#linger();
    user.onTunnelData(chunk, 0, chunk.length);
  }

  /**
   * A response from before the request is not its response: it came behind the one before it, or with the connection. Bytes that are no
   * HTTP/1.1 tell what the service speaks, if the connection is new.
   */
  #receiveUnasked(user: ConnectionUser, chunk: Buffer): void {
    const error = this.isReused ? undefined : this.#parser.receive(chunk, UNHEARD);
    this.destroy();
    if (error === undefined) user.onUnasked();
    else user.onInvalid(error);
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

  /** Runs `action`, and contains what it throws. */
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
    this.#containment.contain(() => {
      this.destroy();
      user?.onFault();
    }, fault);
  }

  #ended(): void {
    const user = this.#user;
    if (user === undefined) {
      this.destroy();
    } else if (this.#isTunnel) {
      user.onTunnelEnd();
    } else {
      if (this.#parser.finish(this) === undefined) return;
      this.destroy();
      user.onLost(undefined, undefined);
    }
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const user = this.#user;
    this.#user = undefined;
    this.#unsent = [];
    clearTimeout(this.#lingerTimer);
    try {
      this.#keeper.onClosed(this);
      user?.onLost(this.#error?.code, this.#error?.message);
    } finally {
      this.#bytes.release();
      this.#parser.free();
    }
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

/** Hears what nobody is to be told. */
const UNHEARD: ResponseEvents = {
  onInterim: ignore,
  onSwitched: ignore,
  onHead: ignore,
  onBody: ignore,
  onEnd: ignore,
};

function ignore(): void {
  // See UNHEARD; and closing a connection does not throw.
}
