// The receiving half of a connection. Every frame is checked against RFC 9113 and passed to its stream's owner. A violation is
// thrown as ConnectionError or StreamError, and the connection acts on it.

import type { ConnectionHandler } from './connection-handler.ts';
import { DataReceiver } from './data-receiver.ts';
import { ErrorCode } from './error-codes.ts';
import { ConnectionError, StreamError } from './errors.ts';
import { Flood, type FloodGuard } from './flood-guard.ts';
import type { FrameHandler } from './frame-reader.ts';
import { Flag, FrameType, frameTypeName } from './frame-type.ts';
import { HeaderReceiver } from './header-receiver.ts';
import type { Sender } from './sender.ts';
import { checkSettingsFrame, type LocalSettings, SETTING_BYTES, SettingId } from './settings.ts';
import type { Stream } from './stream.ts';
import { Past, type StreamRegistry } from './stream-registry.ts';
import { StreamState } from './stream-state.ts';

/**
 * Up to this age a stream that the client resets before a response counts as a premature reset: the attack of CVE-2023-44487
 * opens and resets at once. Ordinary cancellations and deadlines come later, and a stream that lives longer occupies its place in
 * SETTINGS_MAX_CONCURRENT_STREAMS, which bounds the rate by itself.
 */
const PREMATURE_RESET_MS = 20;
/**
 * How far before the announced deadline a reset still counts as caused by it. The client's deadline began before ours, and while
 * this process is busy a request and its reset arrive together. DEADLINE_RESETS bounds how often a client can use this.
 */
const DEADLINE_TOLERANCE_MS = 50;

export class Receiver implements FrameHandler {
  readonly #isServer: boolean;
  readonly #handler: ConnectionHandler;
  readonly #settings: LocalSettings;
  readonly #streams: StreamRegistry;
  readonly #sender: Sender;
  readonly #guard: FloodGuard;
  readonly #headers: HeaderReceiver;
  readonly #data: DataReceiver;
  #settingsReceived = false;
  #unacknowledgedSettings = 1;
  #isFirstAcknowledged = false;
  /** HEADERS or DATA have arrived since this was last set to false. */
  hasContent = false;

  constructor(
    isServer: boolean,
    handler: ConnectionHandler,
    settings: LocalSettings,
    streams: StreamRegistry,
    sender: Sender,
    guard: FloodGuard,
  ) {
    this.#isServer = isServer;
    this.#handler = handler;
    this.#settings = settings;
    this.#streams = streams;
    this.#sender = sender;
    this.#guard = guard;
    this.#data = new DataReceiver(isServer, settings, streams, sender, guard);
    this.#headers = new HeaderReceiver(isServer, handler, settings, streams, sender, guard);
  }

  /** Our first SETTINGS are not acknowledged yet (section 6.5.3). */
  get awaitsSettingsAcknowledgement(): boolean {
    return !this.#isFirstAcknowledged;
  }

  /** Notes that we have sent one more SETTINGS frame. */
  expectAcknowledgement(): void {
    this.#unacknowledgedSettings++;
  }

  /** When the unfinished header block began, by the time that receive() was given. Undefined when there is none. */
  get headerBlockOpenSinceMs(): number | undefined {
    return this.#headers.openSinceMs;
  }

  forgetHeaderBlocks(): void {
    this.#headers.forgetHeaderBlocks();
  }

  onDataStart(streamId: number, length: number, padding: number, endStream: boolean): void {
    this.#checkOrder(FrameType.DATA, streamId);
    if (streamId === 0) throw connectionError('data_on_connection', 'DATA on stream 0');
    this.hasContent = true;
    this.#data.countConnection(length);
    const stream = this.#liveStream(streamId, FrameType.DATA);
    if (stream === undefined) this.#data.ignore(length);
    else this.#data.begin(stream, length, padding, endStream);
  }

  onDataPiece(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    this.#data.receive(bytes, start, end, isLast);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#checkOrder(type, streamId);
    switch (type) {
      case FrameType.HEADERS:
        this.hasContent = true;
        this.#headers.receiveHeaders(flags, streamId, bytes, start, end);
        return;
      case FrameType.CONTINUATION:
        this.#headers.receiveContinuation(flags, bytes, start, end);
        return;
      case FrameType.RST_STREAM:
        this.#receiveReset(streamId, bytes, start, end);
        return;
      case FrameType.SETTINGS:
        this.#receiveSettings(flags, streamId, bytes, start, end);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#receiveWindowUpdate(streamId, bytes, start, end);
        return;
      case FrameType.PING:
        this.#receivePing(flags, streamId, bytes, start, end);
        return;
      case FrameType.GOAWAY:
        this.#receiveGoAway(streamId, bytes, start, end);
        return;
      case FrameType.PRIORITY:
        // PRIORITY is deprecated and has no effect here (section 5.3.2), but its form is still checked (section 6.3).
        if (streamId === 0) throw connectionError('priority_on_connection', 'PRIORITY on stream 0');
        this.#guard.count(Flood.PRIORITIES);
        checkSize('priority_frame_size', FrameType.PRIORITY, end - start, 5);
        return;
      case FrameType.PUSH_PROMISE:
        throw connectionError('push_promise', 'PUSH_PROMISE although push is switched off');
      default:
        // Frames of unknown types are ignored (section 4.1), up to a limit.
        this.#guard.count(Flood.UNKNOWN_FRAMES);
    }
  }

  /** SETTINGS must come first (section 3.4), and an open header block allows only its CONTINUATION (section 6.10). */
  #checkOrder(type: number, streamId: number): void {
    if (!this.#settingsReceived && type !== FrameType.SETTINGS) {
      throw connectionError('settings_not_first', `${frameTypeName(type)} before SETTINGS`);
    }
    const isContinuation = type === FrameType.CONTINUATION;
    const { openStreamId } = this.#headers;
    if (openStreamId === 0 ? isContinuation : !isContinuation || streamId !== openStreamId) {
      throw connectionError(
        'continuation_expected',
        `${frameTypeName(type)} on stream ${streamId} out of order with a header block`,
      );
    }
  }

  /** The stream of the frame, or undefined when the frame is to be ignored. */
  #liveStream(streamId: number, type: number): Stream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#checkPast(streamId, type);
      return undefined;
    }
    if (stream.state === StreamState.IDLE) throw idleError(streamId, type);
    return stream;
  }

  /** Checks a frame on a stream that is not live. Returns when the frame is to be ignored. */
  #checkPast(streamId: number, type: number): void {
    const past = this.#streams.past(streamId);
    if (past === Past.IDLE) throw idleError(streamId, type);
    // Only a stream that is known to be closed proves an error of the peer. How a forgotten stream ended is not known any more.
    if (past !== Past.CLOSED || type !== FrameType.DATA) return;
    throw new StreamError(
      streamId,
      ErrorCode.STREAM_CLOSED,
      'data_after_close',
      `${frameTypeName(type)} on a closed stream`,
    );
  }

  #receiveReset(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw connectionError('reset_on_connection', 'RST_STREAM on stream 0');
    checkSize('reset_frame_size', FrameType.RST_STREAM, end - start, 4);
    const stream = this.#liveStream(streamId, FrameType.RST_STREAM);
    if (stream === undefined) {
      if (!this.#streams.spendLateFrame()) this.#guard.count(Flood.LATE_FRAMES);
      return;
    }
    const ageMs = this.#guard.nowMs - stream.openedAtMs;
    if (this.#isServer && !stream.headersSent && ageMs <= PREMATURE_RESET_MS) {
      const peerDeadlineMs = stream.owner.peerDeadlineMs?.();
      const isDue = peerDeadlineMs !== undefined && peerDeadlineMs - ageMs <= DEADLINE_TOLERANCE_MS;
      this.#guard.count(isDue ? Flood.DEADLINE_RESETS : Flood.PREMATURE_RESETS);
    }
    const code = bytes.readUInt32BE(start);
    if (code !== ErrorCode.NO_ERROR) this.#streams.failedCount++;
    this.#streams.remove(stream, false);
    stream.owner.onReset(code, undefined);
  }

  #receiveSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const isAcknowledgement = (flags & Flag.ACK) !== 0;
    checkSettingsFrame(end - start, isAcknowledgement, streamId, this.#settings.floods.settingsEntries);
    if (isAcknowledgement) {
      if (!this.#settingsReceived)
        throw connectionError('settings_not_first', 'SETTINGS ACK before SETTINGS');
      this.#receiveAcknowledgement();
      return;
    }
    this.#guard.count(Flood.SETTINGS);
    const { peerSettings } = this.#sender;
    const initialWindowBefore = peerSettings.initialWindowBytes;
    for (let at = start; at < end; at += SETTING_BYTES) {
      const id = bytes.readUInt16BE(at);
      peerSettings.apply(id, bytes.readUInt32BE(at + 2), this.#isServer);
      // Each value is applied on its own, because the smallest of them must be signalled (RFC 7541 section 4.2).
      if (id === SettingId.HEADER_TABLE_SIZE) this.#sender.applyHeaderTableSize();
    }
    const isFirst = !this.#settingsReceived;
    this.#settingsReceived = true;
    this.#sender.writer.writeSettingsAcknowledgement();
    this.#sender.adjustStreamWindows(peerSettings.initialWindowBytes - initialWindowBefore);
    this.#handler.onSettings(isFirst);
  }

  #receiveAcknowledgement(): void {
    if (this.#unacknowledgedSettings === 0) {
      this.#guard.count(Flood.SETTINGS);
      return;
    }
    this.#unacknowledgedSettings--;
    if (this.#isFirstAcknowledged) this.#handler.onCaughtUp();
    this.#isFirstAcknowledged = true;
  }

  #receiveWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    checkSize('window_update_frame_size', FrameType.WINDOW_UPDATE, end - start, 4);
    this.#guard.count(Flood.WINDOW_UPDATES);
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    if (streamId === 0) {
      this.#sender.increaseWindow(increment);
      return;
    }
    const stream = this.#liveStream(streamId, FrameType.WINDOW_UPDATE);
    if (stream !== undefined) this.#sender.increaseStreamWindow(stream, increment);
  }

  #receivePing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw connectionError('ping_on_stream', `PING on stream ${streamId}`);
    checkSize('ping_frame_size', FrameType.PING, end - start, 8);
    if ((flags & Flag.ACK) !== 0) {
      if (this.#sender.takePing()) this.#handler.onPingAcknowledged();
      else this.#guard.count(Flood.PINGS);
      return;
    }
    this.#guard.count(Flood.PINGS);
    this.#sender.writer.writePing(bytes, start, true);
  }

  #receiveGoAway(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw connectionError('goaway_on_stream', `GOAWAY on stream ${streamId}`);
    if (end - start < 8)
      throw new ConnectionError(
        ErrorCode.FRAME_SIZE_ERROR,
        'goaway_frame_size',
        `GOAWAY of ${end - start} bytes`,
      );
    this.#guard.count(Flood.GOAWAYS);
    const lastId = bytes.readUInt32BE(start) & 0x7fffffff;
    const code = bytes.readUInt32BE(start + 4);
    // A later GOAWAY can only lower the identifier (section 6.8).
    this.#streams.peerGoAwayLastId = Math.min(this.#streams.peerGoAwayLastId, lastId);
    this.#handler.onGoAway(lastId, code, bytes.toString('latin1', start + 8, Math.min(end, start + 8 + 256)));
    if (this.#isServer) return;
    // values() is a snapshot: a stream that an owner opens during the loop must not be refused as well.
    for (const stream of this.#streams.values()) {
      if (stream.id <= this.#streams.peerGoAwayLastId || stream.state === StreamState.CLOSED) continue;
      this.#streams.failedCount++;
      this.#streams.remove(stream, true);
      stream.owner.onRefused();
    }
  }
}

function connectionError(token: string, message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, token, message);
}

function checkSize(token: string, type: number, length: number, expected: number): void {
  if (length === expected) return;
  throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, token, `${frameTypeName(type)} of ${length} bytes`);
}

function idleError(streamId: number, type: number): ConnectionError {
  return connectionError('stream_idle', `${frameTypeName(type)} on the idle stream ${streamId}`);
}
