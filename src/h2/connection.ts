// One HTTP/2 connection without I/O and without a clock: octets in by receive(), octets out through an OutputBuffer,
// decisions to the handler and to the owners of streams. The only place where protocol errors are acted on.

import type { ConnectionHandler } from './connection-handler.ts';
import { ErrorCode } from './error-codes.ts';
import { ConnectionError, StreamError } from './errors.ts';
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

/** What a GOAWAY names before it is known which streams will be processed (RFC 9113 section 6.8). */
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
  #congestionWasSeen = false;
  #isReading = false;
  #hasYielded = false;
  readonly #peerTime: PeerTime;

  /** Writes the preface (client), SETTINGS and the connection's WINDOW_UPDATE to the output at once. */
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

  /** True once GOAWAY with an error was sent or connectionLost was called: nothing is read or told any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Owners of the live streams, as of now. */
  streamOwners(): StreamOwner[] {
    return this.#streams.values().map((stream) => stream.owner);
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Streams the peer lets us have open at the same time. */
  get peerMaxConcurrentStreams(): number {
    return this.#sender.peerSettings.maxConcurrentStreams;
  }

  /** The newest of ours; below 1 at first. */
  get lastStreamId(): number {
    return this.#streams.lastLocalId;
  }

  /** Streams that a frame of ours has brought to their end, since the connection began. The peer may count them a while longer. */
  get endsSent(): number {
    return this.#sender.endsSent;
  }

  /** How large a list of header fields the peer accepts, as HeaderList.sizeBytes counts it; advisory (section 10.5.1). */
  get peerMaxHeaderListBytes(): number {
    return this.#sender.peerSettings.maxHeaderListBytes;
  }

  /** Identifiers are used up so far that a new connection should take over. */
  get isWornOut(): boolean {
    return this.#streams.localIdsLeft <= 0;
  }

  /** The same of the peer's: it should be asked to connect again while it has some left. */
  get isWornOutByPeer(): boolean {
    return this.#streams.arePeerIdsWorn;
  }

  /** The highest stream of the peer's that is or was processed: those above our final GOAWAY are not. */
  get lastPeerStreamId(): number {
    return Math.min(this.#streams.lastPeerId, this.#streams.ownGoAwayLastId);
  }

  /**
   * Takes octets from the peer, and the time for the flood guard, in whole milliseconds. Never throws: violations end
   * their stream or the connection. A chunk of very many frames is read in parts: see hasUnread.
   * @param isKept the chunk stays as it is for as long as it is needed: keepUnread() makes no copy
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

  /** Of the last chunk some is still to be read, by readOn(): now, or after keepUnread() when others have had their turn. */
  get hasUnread(): boolean {
    return this.#reader.isParked;
  }

  /** What the frame in hand has brought about will take its time: no other is read before endYield(). Not in force where none is read. */
  yieldTurn(): void {
    if (!this.#isReading) return;
    this.#hasYielded = true;
    this.#reader.parkNext();
  }

  /** The others are to have their turn. */
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

  /** The chunk in hand will be used for something else: what was not read of it is copied. */
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
    // An upstream can only spoil streams that we opened, and its connection carries those of many clients.
    if (this.#isServer) this.#guard.count(Flood.STREAM_ERRORS);
  }

  #fail(cause: unknown): void {
    // Anything but the two protocol errors is a fault of ours: the peer is told no more than that, the handler gets
    // the cause, and the process lives on.
    const error = cause instanceof ConnectionError ? cause : internalError(cause);
    try {
      this.#sender.sendGoAway(this.lastPeerStreamId, error.code, error.message);
    } catch {
      // The fault is in the output itself: the peer sees the connection close, and everybody else is told below.
    }
    // Closed before anybody is told, so that nothing can follow the GOAWAY.
    const streams = this.#close();
    this.#tell(error);
    this.#tellLost(streams, error.message);
  }

  /** The last resort: a handler that throws must neither hide the violation's end nor leave the process. */
  #tell(error: ConnectionError | StreamError): void {
    try {
      this.#handler.onViolation(error);
    } catch {
      // Nobody is left to tell.
    }
  }

  /** A peer that breaks a rule of the transport's: GOAWAY with the code, as for any other. */
  giveUp(error: ConnectionError): void {
    if (!this.#isClosed) this.#fail(error);
  }

  /** A fault of ours outside receive(): the peer is told no more than that, and the handler gets the cause. Never throws. */
  fault(cause: unknown): void {
    if (this.#isClosed) this.#tell(internalError(cause));
    else this.#fail(cause);
  }

  /** The transport is gone or given up: every stream's owner is told, once. */
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
        // One owner's fault must not keep the others from being told.
        this.#tell(internalError(cause));
      }
    }
  }

  /** Gives back what is kept to save time with header blocks that come again. */
  forgetHeaderBlocks(): void {
    this.#receiver.forgetHeaderBlocks();
    this.#sender.encoder.forget();
  }

  /**
   * Ends the connection when the peer has let too much time pass; to be called now and then.
   * @param nowMs by the clock that receive() is told
   * @param isRead false while nothing is read from the peer
   */
  checkTime(nowMs: number, isRead = true): void {
    if (this.#isClosed) return;
    const error = this.#peerTime.overdue(nowMs, isRead);
    if (error !== undefined) this.#fail(error);
  }

  /** Server role: a response came from where the request was sent, so that the request was no attack. */
  callAnswered(): void {
    this.#guard.callAnswered();
  }

  /** Time has passed: buckets of the flood guard fill up again. */
  replenish(seconds: number): void {
    this.#guard.replenish(seconds);
  }

  /** A new stream of ours, in idle state until sendHeaders. The caller has checked that the peer allows one more. */
  openStream(owner: StreamOwner): Stream {
    if (this.#isClosed) return Stream.closed(owner, this.#sender);
    return this.#streams.addLocal(
      owner,
      this.#sender,
      this.#sender.peerSettings.initialWindowBytes,
      this.#settings.initialWindowBytes,
    );
  }

  /**
   * Announces the end. With HIGHEST_STREAM_ID new streams are still taken; with a real identifier those above it are
   * ignored, since the peer knows that they were not processed (section 6.8).
   */
  goAway(lastStreamId: number, code: number, debug: string): void {
    if (this.#isClosed) return;
    if (this.#isServer && lastStreamId !== HIGHEST_STREAM_ID) this.#streams.ownGoAwayLastId = lastStreamId;
    this.#sender.sendGoAway(lastStreamId, code, debug);
  }

  /** @param opaque eight octets that the acknowledgement brings back */
  ping(opaque: Buffer): void {
    if (!this.#isClosed) this.#sender.sendPing(opaque);
  }

  /**
   * Asks by SETTINGS without a setting, which a peer has to answer when it has come so far: see onCaughtUp. PING would do the
   * same, but gRPC's servers end a connection that brings more of those than they expect.
   */
  askToCatchUp(): void {
    if (this.#isClosed) return;
    this.#receiver.expectAcknowledgement();
    this.#sender.sendMarker();
  }

  /**
   * More output waits for the peer than it should: a bad time for another stream. Whoever was told so hears of the end
   * by onOutputDrained.
   */
  get isCongested(): boolean {
    const { isCongested } = this.#sender;
    if (isCongested) this.#congestionWasSeen = true;
    return isCongested;
  }

  /** The transport has got rid of output: streams that wait for room may go on. */
  outputDrained(): void {
    if (this.#isClosed) return;
    try {
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
  return new ConnectionError(ErrorCode.INTERNAL_ERROR, 'internal_error', 'internal error', { cause });
}
