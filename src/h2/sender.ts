// The sending half of a connection: what may be sent, when, and in which frames. A send that the stream's state forbids is
// skipped silently, since the peer may have ended the stream before the caller knew.

import { ErrorCode } from './error-codes.ts';
import type { FloodGuard } from './flood-guard.ts';
import { adjustedSendWindow, increasedSendWindow, isWorthCrediting } from './flow-control.ts';
import { FrameWriter, LARGEST_PIECE_BYTES } from './frame-writer.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { HeaderList } from './hpack/header-list.ts';
import type { OutputBuffer } from './output-buffer.ts';
import { DEFAULT_WINDOW_BYTES, type LocalSettings, PeerSettings } from './settings.ts';
import type { Stream, StreamSender } from './stream.ts';
import type { StreamRegistry } from './stream-registry.ts';
import type { StreamRoom } from './stream-room.ts';
import { nextStreamState, StreamInput, StreamState, StreamViolation } from './stream-state.ts';

/** No DATA is added once this many bytes of output wait. The data that a slow peer does not read stays with its source. */
const OUTPUT_HIGH_WATER_BYTES = 262_144;

/**
 * The output at which the connection counts as congested. DATA stops far below this. Header blocks and resets, which nothing
 * holds back, can reach it.
 */
const CONGESTED_BYTES = 1_048_576;

const NOTHING: Buffer = Buffer.alloc(0);

interface LateReset {
  readonly id: number;
  /** Where the stream's response ends in the output. */
  readonly behind: number;
}

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
  /** The number of streams that our END_STREAM or RST_STREAM has closed. */
  endsSent = 0;
  /**
   * Streams whose responses are complete and whose clients are to stop sending. Their resets leave in the write after that of the response: a
   * client that reads both at once may see the stream closed before it has seen the response (curl 7.88 in an upload).
   */
  readonly #lateResets: LateReset[] = [];
  /** Streams with data that wait for the connection's window or for the output to drain, in the order of their arrival. */
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
   * Sends as much as the windows and the output have room for. END_STREAM goes with the last byte.
   * @returns how many bytes were taken. When this is less than offered, onWritable says when to offer the rest.
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

  /** Too much output waits for the peer: no more calls should be added. */
  get isCongested(): boolean {
    return this.#output.pendingBytes >= CONGESTED_BYTES;
  }

  /** How many bytes the windows and the output have room for. Infinity if the stream has ended: what is sent then is dropped. */
  roomBytesOf(stream: Stream): number {
    if (nextStreamState(stream.state, StreamInput.SEND_DATA) >= StreamViolation.IDLE)
      return Number.POSITIVE_INFINITY;
    return this.#room(stream);
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
    // Streams that ended while they waited are not removed one by one, but they must not pile up either.
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

  /** @returns false when the stream was already closed */
  sendReset(stream: Stream, code: number): boolean {
    if (nextStreamState(stream.state, StreamInput.SEND_RST_STREAM) >= StreamViolation.IDLE) {
      // We created this stream and never sent its HEADERS, so the peer does not know of it.
      if (stream.state === StreamState.IDLE) this.#streams.remove(stream, true);
      return false;
    }
    this.endsSent++;
    if (code !== ErrorCode.NO_ERROR) this.#streams.failedCount++;
    this.#streams.remove(stream, true);
    if (code === ErrorCode.NO_ERROR && this.#output.pendingBytes > 0)
      this.#lateResets.push({ id: stream.id, behind: this.#output.end });
    else this.writer.writeResetStream(stream.id, code);
    return true;
  }

  /** The transport has written output: sends the resets of the streams whose responses have left. */
  sendLateResets(): void {
    while (this.#lateResets.length > 0 && this.#output.isWritten(this.#lateResets[0].behind)) {
      const reset = this.#lateResets.shift();
      if (reset !== undefined) this.writer.writeResetStream(reset.id, ErrorCode.NO_ERROR);
    }
  }

  /** Notes that `size` bytes of a stream were consumed. The peer may send as many again. */
  credit(stream: Stream, size: number): void {
    // After the peer's END_STREAM no more data can come, so a WINDOW_UPDATE would be useless.
    if (stream.state !== StreamState.OPEN && stream.state !== StreamState.HALF_CLOSED_LOCAL) return;
    stream.uncreditedBytes += size;
    if (!isWorthCrediting(stream.uncreditedBytes, this.#localSettings.initialWindowBytes)) return;
    this.writer.writeWindowUpdate(stream.id, stream.uncreditedBytes);
    stream.receiveWindow += stream.uncreditedBytes;
    stream.uncreditedBytes = 0;
  }

  /**
   * As credit, for the connection. The bytes count as consumed on receipt.
   * @returns by how much the window grew
   */
  creditConnection(size: number): number {
    this.#uncreditedBytes += size;
    if (!isWorthCrediting(this.#uncreditedBytes, this.#localSettings.connectionWindowBytes)) return 0;
    const credited = this.#uncreditedBytes;
    this.writer.writeWindowUpdate(0, credited);
    this.#uncreditedBytes = 0;
    return credited;
  }

  /** For reports: how many bytes the peer lets us send on the connection. */
  get sendWindow(): number {
    return this.#window;
  }

  /** For reports: how many bytes we let the peer send on the connection. */
  get receiveWindow(): number {
    // What was received and not yet returned by WINDOW_UPDATE is all that is missing of it.
    return this.#localSettings.connectionWindowBytes - this.#uncreditedBytes;
  }

  roomOf(stream: Stream): StreamRoom {
    return {
      sendWindow: stream.sendWindow,
      receiveWindow: stream.receiveWindow,
      connectionSendWindow: this.sendWindow,
      connectionReceiveWindow: this.receiveWindow,
      unsentBytes: this.#output.pendingBytes,
      heldBytes: 0,
      isPaused: false,
    };
  }

  /** Applies a WINDOW_UPDATE for the connection. */
  increaseWindow(increment: number): void {
    this.#window = increasedSendWindow(this.#window, increment, 0);
    this.wake();
  }

  increaseStreamWindow(stream: Stream, increment: number): void {
    stream.sendWindow = increasedSendWindow(stream.sendWindow, increment, stream.id);
    this.#wakeStream(stream);
  }

  /** Moves every stream's window by the difference, after the peer changed SETTINGS_INITIAL_WINDOW_SIZE (section 6.9.2). */
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

  /** Lets the waiting streams send in turn, because the connection's window or its output has room again. */
  wake(): void {
    if (this.#waiting.length === 0) return;
    const streams = this.#waiting;
    this.#waiting = [];
    for (let index = 0; index < streams.length; index++) {
      if (this.#window <= 0 || this.#output.pendingBytes >= OUTPUT_HIGH_WATER_BYTES) {
        // Streams that were served above and have more data have queued again. They go behind those that were not served yet.
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

  /** Sends an empty SETTINGS frame; see Connection.askToCatchUp. */
  sendMarker(): void {
    this.writer.writeSettings(NOTHING);
  }

  /** @param opaque eight bytes, which the acknowledgement repeats */
  sendPing(opaque: Buffer): void {
    this.#pingsUnderWay++;
    this.writer.writePing(opaque, 0, false);
  }

  /**
   * Notes that a PING was acknowledged.
   * @returns whether a PING was unacknowledged
   */
  takePing(): boolean {
    if (this.#pingsUnderWay === 0) return false;
    this.#pingsUnderWay--;
    return true;
  }

  sendGoAway(lastStreamId: number, code: number, debug: string): void {
    this.writer.writeGoAway(lastStreamId, code, debug);
  }

  /** Applies the peer's SETTINGS_HEADER_TABLE_SIZE. */
  applyHeaderTableSize(): void {
    this.encoder.setPeerMaxTableSize(this.peerSettings.headerTableBytes);
  }
}
