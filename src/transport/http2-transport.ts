// Runs an HTTP/2 connection on a socket, or on any duplex stream of bytes. What is read goes to the connection, and its output is
// written once per turn of the event loop. Nothing else writes to the socket. The transport never throws into a socket event, and
// close() may be called any number of times.

import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { Connection, type Role } from '../h2/connection.ts';
import type { ConnectionHandler } from '../h2/connection-handler.ts';
import type { ConnectionReport } from '../h2/connection-report.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import { ConnectionError, describeOwnEnd } from '../h2/errors.ts';
import { OutputBuffer, type OutputSink, type Slab } from '../h2/output-buffer.ts';
import type { LocalSettings } from '../h2/settings.ts';
import { type Flushable, scheduleFlush } from './flush-queue.ts';
import { SocketBytes } from './socket-bytes.ts';
import { type SocketEnds, socketEndsOf } from './socket-ends.ts';
import { describeSocketError } from './socket-error.ts';
import type { BytesOwner } from './socket-handle.ts';
import { beginTurn, endTurn } from './turn-clock.ts';

/** How long a peer may take nothing after the last bytes were handed to the socket. */
const CLOSE_TIMEOUT_MS = 1000;
/** A client that sends without reading is not read from until it has taken part of its responses. */
const PAUSE_READING_BYTES = 1_048_576;
const RESUME_READING_BYTES = 262_144;
/** The approximate time budget of one connection per turn of the event loop. */
const LONGEST_TURN_MS = 1;
/** A read this long suggests that more is waiting: libuv then reads the same socket again, up to 32 times in one turn. */
const LONG_READ_BYTES = 16_384;
/** Reads closer together than this belong to the same turn of the event loop: no other connection ran in between. */
const MOST_BETWEEN_READS_MS = 0.1;

export interface TransportEvents {
  /** The socket is closed. The owners of open streams have been told before. */
  onClosed(reason: string): void;
}

export class Http2Transport implements Flushable, OutputSink, BytesOwner {
  readonly connection: Connection;
  readonly #socket: Duplex;
  readonly #socketBytes: SocketBytes;
  readonly #output: OutputBuffer;
  readonly #events: TransportEvents;
  readonly #mayPause: boolean;
  readonly #stallTimeoutMs: number | undefined;
  #slab: Slab | undefined = undefined;
  #slabSinceMs = 0;
  #isDrainedUntold = false;
  #isClosing = false;
  /** The connection ended by a violation. The peer then has CLOSE_TIMEOUT_MS in total, even if it keeps reading. */
  #hasFailed = false;
  #isPaused = false;
  /** The next turn of the event loop continues reading. TLS may deliver more in this turn even while the socket is paused. */
  #awaitsTurn = false;
  #closeTimer: NodeJS.Timeout | undefined = undefined;
  #lingerMs = CLOSE_TIMEOUT_MS;
  #reason = '';
  /** When the current series of reads without a pause began, and when the last of them was done. */
  #turnBeganMs = 0;
  #readDoneMs = 0;
  #replenishedAtMs = Math.floor(performance.now());
  /** When bytes of the peer arrived last, in whole milliseconds of `performance.now`. Before that, when the transport was made. */
  readAtMs: number = this.#replenishedAtMs;

  /** Writes the connection's first frames at once. Nothing is read before start() or receive() is called. */
  constructor(
    socket: Duplex,
    role: Role,
    settings: LocalSettings,
    handler: ConnectionHandler,
    events: TransportEvents,
  ) {
    this.#socket = socket;
    this.#socketBytes = new SocketBytes(socket, this);
    this.#events = events;
    // Only towards clients: two proxies that both stop reading until the other reads would wait forever.
    this.#mayPause = role === 'server';
    this.#stallTimeoutMs = settings.stallTimeoutMs;
    this.#output = new OutputBuffer(this);
    this.connection = new Connection(role, this.#output, settings, handler);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#noteReason(describeSocketError(error));
      // A broken record of TLS is told by 'error' alone: Node leaves the socket open.
      socket.destroy();
    });
    socket.on('end', () => {
      this.#noteReason('the peer closed the connection');
      this.#contain('end');
    });
    socket.on('close', () => this.#contain('close'));
  }

  /** Starts reading. `head` holds the bytes that were read from the socket before. */
  start(head: Buffer | undefined): void {
    if (head !== undefined) this.receive(head, true);
    this.#socketBytes.start();
    // The socket may still be paused by the code that read its first bytes. This transport may also have paused it, since a head
    // full of calls is read in several turns.
    if (this.#isPaused) this.#pause();
    else this.#resume();
  }

  /** Processes bytes from the peer. The chunk may be reused after the call, unless it `isKept`. */
  receive(chunk: Buffer, isKept = false): void {
    // Bytes that arrive during closing are dropped. They must neither shorten nor prolong the time that a slow reader has.
    if (this.#isClosing) return;
    const { connection } = this;
    const startedMs = beginTurn();
    // Whole milliseconds: a stored fraction would be a separate heap object.
    const nowMs = Math.floor(startedMs);
    this.readAtMs = nowMs;
    if (nowMs - this.#replenishedAtMs >= 1000) this.#replenish(nowMs);
    // connection.receive() never throws, so endTurn() is always reached.
    connection.receive(chunk, nowMs, isKept);
    endTurn();
    // Only for clients: an upstream's connection carries the calls of many, and this check cost 64 KiB messages a twentieth.
    if (this.#awaitsTurn) connection.keepUnread();
    else if (this.#mayPause && chunk.length >= LONG_READ_BYTES) this.#shareTurn(startedMs);
    else if (connection.hasUnread || connection.hasYielded) this.#readOn(startedMs + LONGEST_TURN_MS);
    this.#afterReading();
  }

  /** For a peer that sends more than fits into one read: all its reads in one turn share one time budget. */
  #shareTurn(startedMs: number): void {
    if (startedMs - this.#readDoneMs > MOST_BETWEEN_READS_MS) this.#turnBeganMs = startedMs;
    const untilMs = this.#turnBeganMs + LONGEST_TURN_MS;
    if (this.connection.hasUnread || this.connection.hasYielded) this.#readOn(untilMs);
    this.#readDoneMs = performance.now();
    if (this.#readDoneMs < untilMs || this.#isPaused || this.connection.isClosed) return;
    this.#pause();
    setImmediate(this.#continueReading);
  }

  #afterReading(): void {
    if (this.connection.isClosed) this.close();
    else if (this.#mayPause && this.#output.pendingBytes > PAUSE_READING_BYTES) this.#pause();
  }

  /** Reads the rest of a chunk with many small frames. The other connections get their turn after about a millisecond. */
  #readOn(untilMs: number): void {
    const { connection } = this;
    while (connection.hasUnread || connection.hasYielded) {
      if (connection.hasYielded || performance.now() >= untilMs) {
        connection.keepUnread();
        if (!this.#isPaused) this.#pause();
        this.#awaitsTurn = true;
        setImmediate(this.#continueReading);
        return;
      }
      // One look at the clock for many frames: each of them takes the time.
      beginTurn();
      // connection.readOn() never throws, so endTurn() is always reached.
      connection.readOn();
      endTurn();
    }
  }

  readonly #continueReading = (): void => this.#contain('read');

  /** Handles an event of the socket, or a turn of the event loop. */
  #contain(event: 'read' | 'end' | 'close'): void {
    try {
      if (event === 'read') this.#readFurther();
      else if (event === 'end') this.close();
      else this.#closed();
    } catch (fault) {
      this.fail(fault);
    }
  }

  /** Ends this connection after a fault of ours. Its streams and the handler are told, and nothing is thrown. */
  fail(fault: unknown): void {
    this.connection.fault(fault);
    this.#noteReason('internal error');
    this.#socket.destroy();
  }

  #readFurther(): void {
    this.#awaitsTurn = false;
    this.connection.endYield();
    if (this.#isClosing) return;
    this.#readOn(performance.now() + LONGEST_TURN_MS);
    this.#afterReading();
    if (!this.connection.hasUnread) this.#resumeReading();
  }

  /** Ends the connection when the peer has exceeded a time limit (see Connection.checkTime) or takes no output. */
  checkTime(nowMs: number, peer: 'the client' | 'the endpoint'): void {
    const timeoutMs = this.#stallTimeoutMs;
    if (timeoutMs !== undefined && this.stalledMs >= timeoutMs) {
      const reason = `${peer} took nothing for ${timeoutMs / 1000} s (limits.stallTimeout)`;
      this.connection.giveUp(new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'connection_stalled', reason));
      this.destroy(reason);
    }
    if (this.#isClosing) return;
    this.connection.checkTime(Math.floor(nowMs), !this.#isPaused);
    if (this.connection.isClosed) this.close();
  }

  /** For reports only. */
  get report(): ConnectionReport & SocketEnds {
    return { ...this.connection.report, ...socketEndsOf(this.#socket) };
  }

  /** For how long the peer has not taken the last bytes written, in milliseconds. 0 when nothing waits. */
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
    this.#socketBytes.pause();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#socketBytes.resume();
  }

  outputBegins(): void {
    scheduleFlush(this);
  }

  /** A frame is about to be written, so stream owners may not be asked for more output before flush(), which is still to come. */
  slabIsFull(): void {
    this.#writeOut();
  }

  flush(): void {
    this.#writeOut();
    if (this.#isDrainedUntold) this.#tellDrained();
  }

  #writeOut(): void {
    while (this.#slab === undefined && this.#writeNext());
  }

  /** @returns false when there is nothing more to write */
  #writeNext(): boolean {
    const slab = this.#output.takeSlab();
    if (slab === undefined) {
      if (this.#isClosing) this.#socket.end();
      return false;
    }
    if (this.#socket.destroyed) {
      this.#output.releaseSlab(slab);
      this.#output.discard();
      return false;
    }
    if (this.#socketBytes.write(slab.bytes.subarray(0, slab.length))) {
      // The kernel took everything at once, as it usually does for plaintext.
      this.#output.releaseSlab(slab);
      this.#isDrainedUntold = true;
    } else {
      this.#slab = slab;
      this.#slabSinceMs = Math.floor(performance.now());
    }
    return true;
  }

  /** Frees the slab, which the socket may have read from until now. */
  written(error: Error | undefined): void {
    const slab = this.#slab;
    if (slab === undefined) return;
    this.#slab = undefined;
    this.#output.releaseSlab(slab);
    if (error) return;
    this.#tellDrained();
    if (this.#isClosing && !this.#hasFailed) this.#limitClosing();
    this.flush();
  }

  #tellDrained(): void {
    this.#isDrainedUntold = false;
    this.connection.outputDrained();
    this.#resumeReading();
  }

  #resumeReading(): void {
    if (!this.#isPaused || this.#awaitsTurn || this.connection.hasUnread) return;
    if (this.#mayPause && this.#output.pendingBytes >= RESUME_READING_BYTES) return;
    this.#resume();
  }

  /** Restarts the peer's time limit, because the peer has taken something. */
  #limitClosing(): void {
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), this.#lingerMs).unref();
  }

  /**
   * Sends the pending output, then ends the socket. The owners of open streams are told that the connection is lost.
   * @param lingerMs how long the peer may do nothing until it has closed its side too; a later call can only shorten this time
   */
  close(lingerMs = CLOSE_TIMEOUT_MS): void {
    if (this.#hasFailed) return;
    this.#lingerMs = Math.min(lingerMs, this.#isClosing ? this.#lingerMs : lingerMs);
    this.#limitClosing();
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#hasFailed = this.connection.isClosed;
    if (!this.connection.isClosed)
      this.connection.connectionLost(this.#reason || 'the connection was closed');
    this.flush();
  }

  /** Ends the socket now, even if output is pending. */
  destroy(reason: string): void {
    this.#noteReason(reason);
    this.#socket.destroy();
    this.close();
  }

  /** Keeps the first reason. After an error of ours the peer can only follow: that it closes its side is then no reason. */
  #noteReason(reason: string): void {
    if (this.#reason !== '') return;
    const { ownError } = this.connection;
    this.#reason = ownError === undefined ? reason : describeOwnEnd(ownError);
  }

  #closed(): void {
    clearTimeout(this.#closeTimer);
    this.#socketBytes.release();
    this.#noteReason('the peer closed the connection');
    if (!this.connection.isClosed) this.connection.connectionLost(this.#reason);
    this.#isClosing = true;
    if (this.#slab === undefined) this.#output.discard();
    this.#events.onClosed(this.#reason);
  }
}
