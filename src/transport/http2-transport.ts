// An h2 connection on a socket: reads go in, output goes out once per turn of the event loop. The one writer of its
// socket. It never throws into a socket event, and close() may be called any number of times.

import type { Socket } from 'node:net';
import { Connection, type Role } from '../h2/connection.ts';
import type { ConnectionHandler } from '../h2/connection-handler.ts';
import { OutputBuffer, type OutputSink, type Slab } from '../h2/output-buffer.ts';
import type { LocalSettings } from '../h2/settings.ts';
import { type Flushable, scheduleFlush } from './flush-queue.ts';

/** After the last octets were handed to the socket, a peer that does not take them has this long. */
const CLOSE_TIMEOUT_MS = 1000;
/** A peer that sends and does not read is not read from until it has taken some of its answers. */
const PAUSE_READING_BYTES = 1_048_576;
const RESUME_READING_BYTES = 262_144;

export interface TransportEvents {
  /** The socket is gone. Streams that were open have been told before. */
  onClosed(reason: string): void;
}

export class Http2Transport implements Flushable, OutputSink {
  readonly connection: Connection;
  readonly #socket: Socket;
  readonly #output: OutputBuffer;
  readonly #events: TransportEvents;
  readonly #mayPause: boolean;
  #slab: Slab | undefined = undefined;
  #slabSinceMs = 0;
  /** Writes that were done when write() returned; callbacks come in the order of the writes. */
  #callbacksToSkip = 0;
  #isClosing = false;
  #isPaused = false;
  #closeTimer: NodeJS.Timeout | undefined = undefined;
  #lingerMs = CLOSE_TIMEOUT_MS;
  #reason = '';
  #replenishedAtMs = Math.floor(performance.now());

  /** The connection's first frames leave at once; nothing is read before start(), or receive() is called. */
  constructor(
    socket: Socket,
    role: Role,
    settings: LocalSettings,
    handler: ConnectionHandler,
    events: TransportEvents,
  ) {
    this.#socket = socket;
    this.#events = events;
    // Only towards clients: two proxies that both stop reading until the other reads would wait for ever.
    this.#mayPause = role === 'server';
    this.#output = new OutputBuffer(this);
    this.connection = new Connection(role, this.#output, settings, handler);
    socket.setNoDelay(true);
    socket.on('error', (error: NodeJS.ErrnoException) => this.#noteReason(describeSocketError(error)));
    socket.on('end', () => {
      this.#noteReason('the peer closed the connection');
      this.close();
    });
    socket.on('close', () => this.#closed());
  }

  /** Reads from now on, by 'data' events. `head` is what was read from the socket before. */
  start(head: Buffer | undefined): void {
    if (head !== undefined) this.receive(head);
    this.#socket.on('data', (chunk: Buffer) => this.receive(chunk));
    // Whoever looked at the first octets may have left the socket paused.
    this.#socket.resume();
  }

  /** Octets from the peer; for sockets that hand them over by another way than 'data' events. The chunk may be reused after the call. */
  receive(chunk: Buffer): void {
    // What still comes is dropped: it must neither end the time a slow reader has, nor prolong it.
    if (this.#isClosing) return;
    const { connection } = this;
    // Whole milliseconds: a fraction would be an object of its own on the heap.
    const nowMs = Math.floor(performance.now());
    if (nowMs - this.#replenishedAtMs >= 1000) this.#replenish(nowMs);
    connection.receive(chunk, nowMs);
    if (connection.isClosed) this.close();
    else if (this.#mayPause && this.#output.pendingBytes > PAUSE_READING_BYTES) this.#pause();
  }

  /** How long the peer has not taken the octets that were written last; 0 when nothing waits. */
  get stalledMs(): number {
    return this.#slab === undefined ? 0 : performance.now() - this.#slabSinceMs;
  }

  #replenish(nowMs: number): void {
    const seconds = Math.floor((nowMs - this.#replenishedAtMs) / 1000);
    this.#replenishedAtMs += seconds * 1000;
    this.connection.replenish(seconds);
  }

  #pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  outputBegins(): void {
    scheduleFlush(this);
  }

  slabIsFull(): void {
    this.flush();
  }

  flush(): void {
    while (this.#slab === undefined) {
      const slab = this.#output.takeSlab();
      if (slab === undefined) {
        if (this.#isClosing) this.#socket.end();
        return;
      }
      if (this.#socket.destroyed) {
        this.#output.releaseSlab(slab);
        this.#output.discard();
        return;
      }
      this.#write(slab);
    }
  }

  #write(slab: Slab): void {
    const socket = this.#socket;
    socket.write(slab.bytes.subarray(0, slab.length), this.#onWritten);
    if (socket.writableLength === 0) {
      // The kernel took it all at once, as it usually does in the clear; only the callback is still to come.
      this.#callbacksToSkip++;
      this.#output.releaseSlab(slab);
    } else {
      this.#slab = slab;
      this.#slabSinceMs = Math.floor(performance.now());
    }
  }

  /** The slab is free only now: until here the socket may still read from it. */
  readonly #onWritten = (error?: Error | null): void => {
    if (this.#callbacksToSkip > 0) {
      this.#callbacksToSkip--;
      this.connection.outputDrained();
      this.#resumeReading();
      return;
    }
    const slab = this.#slab;
    if (slab === undefined) return;
    this.#slab = undefined;
    this.#output.releaseSlab(slab);
    if (error) return;
    this.connection.outputDrained();
    this.#resumeReading();
    if (this.#isClosing) this.#limitClosing();
    this.flush();
  };

  #resumeReading(): void {
    if (!this.#isPaused || this.#output.pendingBytes >= RESUME_READING_BYTES) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Starts the peer's time anew: it took something. */
  #limitClosing(): void {
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), this.#lingerMs).unref();
  }

  /**
   * Sends what is written, then ends the socket; streams still open are told that the connection is lost.
   * @param lingerMs how long the peer may do nothing until it has closed its side too; a later, shorter time counts
   */
  close(lingerMs = CLOSE_TIMEOUT_MS): void {
    this.#lingerMs = Math.min(lingerMs, this.#isClosing ? this.#lingerMs : lingerMs);
    this.#limitClosing();
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (!this.connection.isClosed)
      this.connection.connectionLost(this.#reason || 'the connection was closed');
    this.flush();
  }

  /** Ends the socket now, whatever is still to be sent. */
  destroy(reason: string): void {
    this.#noteReason(reason);
    this.#socket.destroy();
    this.close();
  }

  #noteReason(reason: string): void {
    if (this.#reason === '') this.#reason = reason;
  }

  #closed(): void {
    clearTimeout(this.#closeTimer);
    this.#noteReason('the peer closed the connection');
    if (!this.connection.isClosed) this.connection.connectionLost(this.#reason);
    this.#isClosing = true;
    if (this.#slab === undefined) this.#output.discard();
    this.#events.onClosed(this.#reason);
  }
}

function describeSocketError(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNRESET':
      return 'the peer reset the connection';
    case 'EPIPE':
      return 'the peer closed the connection';
    case 'ETIMEDOUT':
      return 'the connection timed out';
    default:
      return `the connection failed (${error.code ?? error.message})`;
  }
}
