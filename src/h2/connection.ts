// One HTTP/2 connection without I/O and without a clock. Bytes enter by receive(), output leaves through an OutputBuffer, and
// events go to the handler and to the owners of streams. Protocol errors are acted on only here.

import type { ConnectionHandler } from './connection-handler.ts';
import type { ConnectionReport } from './connection-report.ts';
import { ErrorCode } from './error-codes.ts';
import { ConnectionError, describeOwnEnd, INTERNAL_ERROR, StreamError } from './errors.ts';
import { Flood, FloodGuard } from './flood-guard.ts';
import { FrameReader } from './frame-reader.ts';
import { CLIENT_PREFACE, DEFAULT_MAX_FRAME_BYTES } from './frame-type.ts';
import type { OutputBuffer } from './output-buffer.ts';
import { PeerTime } from './peer-time.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { DEFAULT_WINDOW_BYTES, type LocalSettings, settingsPayload } from './settings.ts';
import { Stream, type StreamOwner } from './stream.ts';
import { StreamRegistry } from './stream-registry.ts';

export type Role = 'server' | 'client';

/** The last stream identifier of a GOAWAY sent before the server knows which streams it will process (RFC 9113 section 6.8). */
export const HIGHEST_STREAM_ID = 0x7fffffff;

export class Connection {
  readonly #handler: ConnectionHandler;
  readonly #settings: LocalSettings;
  readonly #streams: StreamRegistry;
  readonly #guard: FloodGuard;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #reader: FrameReader;
  readonly #isServer: boolean;
  #isClosed = false;
  #ownError: ConnectionError | undefined = undefined;
  #congestionWasSeen = false;
  #isReading = false;
  #hasYielded = false;
  readonly #peerTime: PeerTime;

  /** Writes the preface (client role), SETTINGS and the connection's WINDOW_UPDATE to the output at once. */
  constructor(role: Role, output: OutputBuffer, settings: LocalSettings, handler: ConnectionHandler) {
    const isServer = role === 'server';
    this.#isServer = isServer;
    this.#handler = handler;
    this.#settings = settings;
    this.#streams = new StreamRegistry(isServer);
    this.#guard = new FloodGuard(settings.floods);
    this.#sender = new Sender(output, this.#streams, this.#guard, settings);
    this.#receiver = new Receiver(isServer, handler, settings, this.#streams, this.#sender, this.#guard);
    this.#reader = new FrameReader(this.#receiver, DEFAULT_MAX_FRAME_BYTES, isServer);
    this.#peerTime = new PeerTime(settings, this.#reader, this.#receiver);
    const { writer } = this.#sender;
    if (!isServer) writer.writeRaw(CLIENT_PREFACE);
    writer.writeSettings(settingsPayload(settings, isServer));
    const extraWindow = settings.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (extraWindow > 0) writer.writeWindowUpdate(0, extraWindow);
  }

  /** True once GOAWAY with an error was sent or connectionLost was called. Nothing is read or reported after that. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * The error by which this side ended the connection: the peer broke a rule or exceeded a limit, or there was a fault of ours. Undefined
   * if the connection is open, or ended otherwise.
   */
  get ownError(): ConnectionError | undefined {
    return this.#ownError;
  }

  /** The owners of the streams that are live now. */
  streamOwners(): StreamOwner[] {
    return this.#streams.values().map((stream) => stream.owner);
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** For reports only. */
  get report(): ConnectionReport {
    const { startedCount, failedCount, size } = this.#streams;
    const { sendWindow, receiveWindow } = this.#sender;
    return {
      streamsStarted: startedCount,
      streamsFailed: failedCount,
      streamsOpen: size,
      sendWindow,
      receiveWindow,
    };
  }

  /** How many streams the peer allows us to have open at the same time. */
  get peerMaxConcurrentStreams(): number {
    return this.#sender.peerSettings.maxConcurrentStreams;
  }

  /** The identifier of the newest stream we opened. Below 1 before the first one. */
  get lastStreamId(): number {
    return this.#streams.lastLocalId;
  }

  /** How many streams our frames have closed since the connection began. The peer may count these streams as open a while longer. */
  get endsSent(): number {
    return this.#sender.endsSent;
  }

  /** The largest header list the peer accepts, in bytes as HeaderList.sizeBytes counts them. Advisory (section 10.5.1). */
  get peerMaxHeaderListBytes(): number {
    return this.#sender.peerSettings.maxHeaderListBytes;
  }

  /** Whether so many of our stream identifiers are used up that a new connection should take over. */
  get isWornOut(): boolean {
    return this.#streams.localIdsLeft <= 0;
  }

  /** Whether so many of the peer's stream identifiers are used up that the peer should be asked to connect again. */
  get isWornOutByPeer(): boolean {
    return this.#streams.arePeerIdsWorn;
  }

  /** The highest peer-initiated stream that is or was processed. Streams above our final GOAWAY are not processed. */
  get lastPeerStreamId(): number {
    return Math.min(this.#streams.lastPeerId, this.#streams.ownGoAwayLastId);
  }

  /**
   * Reads bytes from the peer. Never throws: a violation ends its stream or the connection. A chunk with very many frames is read
   * in parts, see hasUnread.
   * @param nowMs the time for the flood guard, in whole milliseconds
   * @param isKept the chunk will not be changed or reused, so keepUnread() need not copy it
   */
  receive(chunk: Buffer, nowMs = 0, isKept = false): void {
    if (this.#isClosed) return;
    this.#guard.nowMs = nowMs;
    if (this.#reader.isParked) {
      this.#reader.keepParked(chunk);
      return;
    }
    this.#reader.feed(chunk, isKept);
    if (this.#hasYielded) this.#reader.parkNext();
    this.#read();
  }

  /**
   * Whether a part of the last chunk is unread. If so, call readOn() now, or call keepUnread() and then readOn() once other
   * connections have had their turn.
   */
  get hasUnread(): boolean {
    return this.#reader.isParked;
  }

  /** Processing the current frame will take time, so no further frame is read before endYield(). Has no effect outside of reading. */
  yieldTurn(): void {
    if (!this.#isReading) return;
    this.#hasYielded = true;
    this.#reader.parkNext();
  }

  /** Whether other connections should have their turn before this one reads on. */
  get hasYielded(): boolean {
    return this.#hasYielded;
  }

  endYield(): void {
    this.#hasYielded = false;
  }

  readOn(): void {
    this.#reader.unpark();
    this.#read();
  }

  /** The caller is about to reuse the current chunk: the unread part of it is copied. */
  keepUnread(): void {
    this.#reader.keepParked();
  }

  #read(): void {
    this.#isReading = true;
    for (;;) {
      try {
        this.#reader.resume();
        this.#isReading = false;
        this.#peerTime.noteRead(this.#guard.nowMs);
        return;
      } catch (error) {
        this.#actOn(error);
      }
    }
  }

  #actOn(error: unknown): void {
    if (error instanceof StreamError) {
      try {
        this.#failStream(error);
        return;
      } catch (flood) {
        this.#fail(flood);
        return;
      }
    }
    this.#fail(error);
  }

  #failStream(error: StreamError): void {
    const stream = this.#streams.get(error.streamId);
    if (stream === undefined) {
      this.#streams.remember(error.streamId, true, this.#settings.initialWindowBytes);
      this.#sender.writer.writeResetStream(error.streamId, error.code);
    } else {
      this.#sender.sendReset(stream, error.code);
      stream.owner.onReset(error.code, error.token);
    }
    this.#handler.onViolation(error);
    // Not counted for an upstream: it can only break streams that we opened, and its connection carries the calls of many
    // clients.
    if (this.#isServer) this.#guard.count(Flood.STREAM_ERRORS);
  }

  #fail(cause: unknown): void {
    // An error other than the two protocol errors is a fault of ours. The peer learns only that it was internal, the handler gets
    // the cause, and the process goes on.
    const error = cause instanceof ConnectionError ? cause : internalError(cause);
    try {
      this.#sender.sendGoAway(this.lastPeerStreamId, error.code, error.message);
    } catch {
      // The output itself is at fault. The peer sees the connection close; the handler and the stream owners are told below.
    }
    // The connection closes before anyone is told, so that nothing can follow the GOAWAY.
    this.#ownError = error;
    const streams = this.#close();
    this.#tell(error);
    this.#tellLost(streams, describeOwnEnd(error));
  }

  /** A handler that throws must neither keep the connection open nor end the process. */
  #tell(error: ConnectionError | StreamError): void {
    try {
      this.#handler.onViolation(error);
    } catch {
      // No one is left to tell.
    }
  }

  /** Ends the connection with GOAWAY when the peer has broken a rule of the transport. */
  giveUp(error: ConnectionError): void {
    if (!this.#isClosed) this.#fail(error);
  }

  /**
   * Ends the connection after a fault of ours outside receive(). The peer learns only that it was internal, and the handler gets
   * the cause. Never throws.
   */
  fault(cause: unknown): void {
    if (this.#isClosed) this.#tell(internalError(cause));
    else this.#fail(cause);
  }

  /** The transport is closed or given up. Every stream's owner is told once. */
  connectionLost(reason: string): void {
    if (!this.#isClosed) this.#tellLost(this.#close(), reason);
  }

  #close(): Stream[] {
    this.#isClosed = true;
    this.#reader.stop();
    return this.#streams.clear();
  }

  #tellLost(streams: readonly Stream[], reason: string): void {
    for (const stream of streams) {
      try {
        stream.owner.onConnectionLost(reason);
      } catch (cause) {
        // A fault of one owner must not keep the other owners from being told.
        this.#tell(internalError(cause));
      }
    }
  }

  /** Drops the memoised header blocks, to free memory. */
  forgetHeaderBlocks(): void {
    this.#receiver.forgetHeaderBlocks();
    this.#sender.encoder.forget();
  }

  /**
   * Ends the connection when the peer has exceeded a time limit. Must be called at intervals.
   * @param nowMs the time, by the same clock as for receive()
   * @param isRead false while nothing is read from the peer
   */
  checkTime(nowMs: number, isRead = true): void {
    if (this.#isClosed) return;
    const error = this.#peerTime.overdue(nowMs, isRead);
    if (error !== undefined) this.#fail(error);
  }

  /** Server role: the service answered the request, so the request was not part of an attack. */
  callAnswered(): void {
    this.#guard.callAnswered();
  }

  /** Refills the buckets of the flood guard. `seconds` is the time since the last call, in whole seconds. */
  replenish(seconds: number): void {
    this.#guard.replenish(seconds);
  }

  /** Creates a local stream, which stays idle until sendHeaders. The caller has checked that the peer allows one more. */
  openStream(owner: StreamOwner): Stream {
    if (this.#isClosed) return Stream.closed(owner, this.#sender);
    this.#guard.streamOpened();
    return this.#streams.addLocal(
      owner,
      this.#sender,
      this.#sender.peerSettings.initialWindowBytes,
      this.#settings.initialWindowBytes,
    );
  }

  /**
   * Sends GOAWAY. With HIGHEST_STREAM_ID new streams are still accepted. With any other identifier, streams above it are ignored,
   * since the peer knows that they were not processed (section 6.8).
   */
  goAway(lastStreamId: number, code: number, debug: string): void {
    if (this.#isClosed) return;
    if (this.#isServer && lastStreamId !== HIGHEST_STREAM_ID) this.#streams.ownGoAwayLastId = lastStreamId;
    this.#sender.sendGoAway(lastStreamId, code, debug);
  }

  /** @param opaque eight bytes, which the acknowledgement repeats */
  ping(opaque: Buffer): void {
    if (!this.#isClosed) this.#sender.sendPing(opaque);
  }

  /** Whether the peer has sent HEADERS or DATA since this was last called. gRPC servers then forget earlier PINGs. */
  takeContentSeen(): boolean {
    const { hasContent } = this.#receiver;
    this.#receiver.hasContent = false;
    return hasContent;
  }

  /**
   * Sends an empty SETTINGS frame, which the peer must acknowledge once it has read everything before it; see onCaughtUp. PING
   * would do the same, but gRPC servers close a connection that sends more PINGs than they expect.
   */
  askToCatchUp(): void {
    if (this.#isClosed) return;
    this.#receiver.expectAcknowledgement();
    this.#sender.sendMarker();
  }

  /** Whether too much output waits for the peer to open another stream now. A caller that read true is notified by onOutputDrained. */
  get isCongested(): boolean {
    const { isCongested } = this.#sender;
    if (isCongested) this.#congestionWasSeen = true;
    return isCongested;
  }

  /** The transport has written output: streams that wait for room may send again. */
  outputDrained(): void {
    if (this.#isClosed) return;
    try {
      this.#sender.sendLateResets();
      this.#sender.wake();
      if (!this.#congestionWasSeen || this.#sender.isCongested) return;
      this.#congestionWasSeen = false;
      this.#handler.onOutputDrained();
    } catch (error) {
      this.#fail(error);
    }
  }
}

function internalError(cause: unknown): ConnectionError {
  return new ConnectionError(ErrorCode.INTERNAL_ERROR, INTERNAL_ERROR, 'internal error', { cause });
}
