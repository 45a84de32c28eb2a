// The sending half of a connection: what may leave, when, and in which frames. Sending what the stream's state
// forbids is left out in silence: the peer may have ended the stream while the caller made up its mind.

import type { FloodGuard } from './flood-guard.ts';
import { adjustedSendWindow, increasedSendWindow, isWorthCrediting } from './flow-control.ts';
import { FrameWriter, LARGEST_PIECE_BYTES } from './frame-writer.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { HeaderList } from './hpack/header-list.ts';
import type { OutputBuffer } from './output-buffer.ts';
import { DEFAULT_WINDOW_BYTES, type LocalSettings, PeerSettings } from './settings.ts';
import type { Stream, StreamSender } from './stream.ts';
import type { StreamRegistry } from './stream-registry.ts';
import { nextStreamState, StreamInput, StreamState, StreamViolation } from './stream-state.ts';

/** DATA is not added to more output than this: what the peer does not read stays with its sender. */
const OUTPUT_HIGH_WATER_BYTES = 262_144;

/** DATA stops far below this; header blocks and resets, which nothing holds back, may reach it. */
const CONGESTED_BYTES = 1_048_576;

const NOTHING: Buffer = Buffer.alloc(0);

export class Sender implements StreamSender {
  readonly encoder = new HpackEncoder();
  readonly peerSettings = new PeerSettings();
  readonly writer: FrameWriter;
  readonly #output: OutputBuffer;
  readonly #streams: StreamRegistry;
  readonly #guard: FloodGuard;
  readonly #localSettings: LocalSettings;
  #window = DEFAULT_WINDOW_BYTES;
  #uncreditedBytes = 0;
  #pingsUnderWay = 0;
  /** Streams that END_STREAM or RST_STREAM of ours has closed. */
  endsSent = 0;
  /** Streams with data that wait for the connection's window or for the output to drain, first come first served. */
  #waiting: Stream[] = [];

  constructor(
    output: OutputBuffer,
    streams: StreamRegistry,
    guard: FloodGuard,
    localSettings: LocalSettings,
  ) {
    this.#output = output;
    this.#streams = streams;
    this.#guard = guard;
    this.#localSettings = localSettings;
    this.writer = new FrameWriter(output);
  }

  sendHeaders(
    stream: Stream,
    list: HeaderList,
    endStream: boolean,
    suffix: Buffer = NOTHING,
    suffixLength = 0,
  ): boolean {
    const next = nextStreamState(stream.state, StreamInput.SEND_HEADERS);
    if (next >= StreamViolation.IDLE) return false;
    stream.state = next;
    stream.headersSent = true;
    if (list.valueAt(0) === 'HEAD') stream.isHead = true;
    const block = this.encoder.encode(list);
    this.writer.writeHeaders(
      stream.id,
      endStream,
      this.peerSettings.maxFrameBytes,
      block.bytes,
      block.length,
      suffix,
      suffixLength,
    );
    if (endStream) this.#end(stream);
    return true;
  }

  /**
   * Sends as much as windows and output have room for, and END_STREAM with the last octet.
   * @returns how many octets were taken; where fewer than given, onWritable will tell when to offer the rest.
   */
  sendData(stream: Stream, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    if (nextStreamState(stream.state, StreamInput.SEND_DATA) >= StreamViolation.IDLE) return end - start;
    if (start === end) {
      if (!endStream) return 0;
      this.writer.writeData(stream.id, bytes, start, end, true);
      this.#end(stream);
      return 0;
    }
    const wanted = end - start;
    const size = Math.min(wanted, this.#room(stream));
    if (size > 0) {
      this.#writePieces(stream, bytes, start, start + size, endStream && size === wanted);
      stream.sendWindow -= size;
      this.#window -= size;
      this.#guard.dataSent();
    }
    if (size === wanted) {
      if (endStream) this.#end(stream);
    } else {
      this.#wait(stream);
    }
    return size;
  }

  /** The peer has not taken what it was sent: no more calls should be added. */
  get isCongested(): boolean {
    return this.#output.pendingBytes >= CONGESTED_BYTES;
  }

  #room(stream: Stream): number {
    const outputRoom = OUTPUT_HIGH_WATER_BYTES - this.#output.pendingBytes;
    return Math.max(0, Math.min(stream.sendWindow, this.#window, outputRoom));
  }

  #writePieces(stream: Stream, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const most = Math.min(this.peerSettings.maxFrameBytes, LARGEST_PIECE_BYTES);
    let at = start;
    while (end - at > most) {
      this.writer.writeData(stream.id, bytes, at, at + most, false);
      at += most;
    }
    this.writer.writeData(stream.id, bytes, at, end, endStream);
  }

  #wait(stream: Stream): void {
    stream.isWaiting = true;
    if (stream.sendWindow <= 0 || stream.isQueued) return;
    stream.isQueued = true;
    this.#waiting.push(stream);
    // Streams that ended while they waited are not searched for one by one, but must not pile up either.
    if (this.#waiting.length > 2 * this.#streams.size + 16) {
      this.#waiting = this.#waiting.filter((waiting) => waiting.state !== StreamState.CLOSED);
    }
  }

  #end(stream: Stream): void {
    stream.state = nextStreamState(stream.state, StreamInput.SEND_END_STREAM);
    if (stream.state !== StreamState.CLOSED) return;
    this.endsSent++;
    this.#streams.remove(stream, false);
  }

  /** @returns false when the stream was closed already */
  sendReset(stream: Stream, code: number): boolean {
    if (nextStreamState(stream.state, StreamInput.SEND_RST_STREAM) >= StreamViolation.IDLE) {
      // Opened by us and never begun: the peer knows nothing of it.
      if (stream.state === StreamState.IDLE) this.#streams.remove(stream, true);
      return false;
    }
    this.endsSent++;
    this.#streams.remove(stream, true);
    this.writer.writeResetStream(stream.id, code);
    return true;
  }

  /** Octets of a stream were consumed: the peer may send as many again. */
  credit(stream: Stream, size: number): void {
    // Nothing more can come once the peer has ended its side, so that credit would only cost a frame.
    if (stream.state !== StreamState.OPEN && stream.state !== StreamState.HALF_CLOSED_LOCAL) return;
    stream.uncreditedBytes += size;
    if (!isWorthCrediting(stream.uncreditedBytes, this.#localSettings.initialWindowBytes)) return;
    this.writer.writeWindowUpdate(stream.id, stream.uncreditedBytes);
    stream.receiveWindow += stream.uncreditedBytes;
    stream.uncreditedBytes = 0;
  }

  /** The same for the connection, whose octets count as consumed on receipt. @returns what the window grew by */
  creditConnection(size: number): number {
    this.#uncreditedBytes += size;
    if (!isWorthCrediting(this.#uncreditedBytes, this.#localSettings.connectionWindowBytes)) return 0;
    const credited = this.#uncreditedBytes;
    this.writer.writeWindowUpdate(0, credited);
    this.#uncreditedBytes = 0;
    return credited;
  }

  /** WINDOW_UPDATE for the connection. */
  increaseWindow(increment: number): void {
    this.#window = increasedSendWindow(this.#window, increment, 0);
    this.wake();
  }

  increaseStreamWindow(stream: Stream, increment: number): void {
    stream.sendWindow = increasedSendWindow(stream.sendWindow, increment, stream.id);
    this.#wakeStream(stream);
  }

  /** The peer changed SETTINGS_INITIAL_WINDOW_SIZE: every stream's window moves by the difference (section 6.9.2). */
  adjustStreamWindows(difference: number): void {
    if (difference === 0) return;
    const streams = this.#streams.values();
    for (const stream of streams) stream.sendWindow = adjustedSendWindow(stream.sendWindow, difference);
    if (difference > 0) for (const stream of streams) this.#wakeStream(stream);
  }

  #wakeStream(stream: Stream): void {
    if (!stream.isWaiting || stream.sendWindow <= 0 || stream.state === StreamState.CLOSED) return;
    stream.isWaiting = false;
    stream.owner.onWritable();
  }

  /** The connection's window or its output has room again: whoever waits for it may go on, in turn. */
  wake(): void {
    if (this.#waiting.length === 0) return;
    const streams = this.#waiting;
    this.#waiting = [];
    for (let index = 0; index < streams.length; index++) {
      if (this.#window <= 0 || this.#output.pendingBytes >= OUTPUT_HIGH_WATER_BYTES) {
        // Those served above and still hungry have queued up again: behind the ones not served yet.
        this.#waiting = streams.slice(index).concat(this.#waiting);
        return;
      }
      const stream = streams[index];
      stream.isQueued = false;
      if (stream.isWaiting && stream.state !== StreamState.CLOSED) {
        stream.isWaiting = false;
        stream.owner.onWritable();
      }
    }
  }

  /** SETTINGS without a setting. */
  sendMarker(): void {
    this.writer.writeSettings(NOTHING);
  }

  /** @param opaque eight octets that the acknowledgement brings back */
  sendPing(opaque: Buffer): void {
    this.#pingsUnderWay++;
    this.writer.writePing(opaque, 0, false);
  }

  /** An acknowledgement came. @returns whether there was a PING to acknowledge */
  takePing(): boolean {
    if (this.#pingsUnderWay === 0) return false;
    this.#pingsUnderWay--;
    return true;
  }

  sendGoAway(lastStreamId: number, code: number, debug: string): void {
    this.writer.writeGoAway(lastStreamId, code, debug);
  }

  /** Applies SETTINGS_HEADER_TABLE_SIZE of the peer. */
  applyHeaderTableSize(): void {
    this.encoder.setPeerMaxTableSize(this.peerSettings.headerTableBytes);
  }
}
