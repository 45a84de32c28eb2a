// Splits a stream of bytes into frames (RFC 9113 section 4.1), however it is divided into chunks. DATA is handed on as it
// arrives, so that a large frame is never held back. Every other frame is handed on whole.

import { checkPreface } from './client-preface.ts';
import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';
import { CLIENT_PREFACE, Flag, FRAME_HEADER_BYTES, FrameType } from './frame-type.ts';

/** Buffers handed to these methods are valid only during the call. */
export interface FrameHandler {
  /** A whole frame other than DATA; the payload is `bytes` from `start` to `end`. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /**
   * A DATA frame begins. Flow control counts `length` bytes. Of these, `padding` bytes, which include the pad length field, are
   * not content.
   */
  onDataStart(streamId: number, length: number, padding: number, endStream: boolean): void;
  /** A piece of the payload of the current DATA frame. `isLast` is true for the final piece, which may be empty. */
  onDataPiece(bytes: Buffer, start: number, end: number, isLast: boolean): void;
}

/** What the reader expects next. */
const Expect = { PREFACE: 0, HEADER: 1, PAYLOAD: 2, PAD_LENGTH: 3, DATA: 4, PADDING: 5 } as const;

const FIRST_HOLD_BYTES = 256;
/**
 * How many frames are read before the caller decides whether other connections should have a turn. They take well below a
 * millisecond.
 */
const FRAMES_AT_ONCE = 256;
/**
 * What HEADERS counts in addition to one frame: a header block may be a call to decode, route and answer, which takes tens of
 * microseconds.
 */
const EXTRA_COST_OF_HEADERS = 15;

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #maxFrameBytes: number;
  #expect: number;
  #length = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Bytes of DATA payload or padding still to come. */
  #remaining = 0;
  #padding = 0;
  /** The part of a frame header, preface or payload that has arrived while the rest has not. */
  #held: Buffer | undefined = undefined;
  #heldBytes = 0;
  /**
   * Counts frame headers, payloads other than DATA, and prefaces that did not arrive in one piece. A change of the number shows
   * that another one is awaited.
   */
  framesAwaited = 0;
  /** The current chunk. It is kept in a field so that reading can continue after a stream error was thrown in the middle of it. */
  #chunk: Buffer | undefined = undefined;
  #offset = 0;
  /** The chunk when its reading was suspended in the middle. */
  #parked: Buffer | undefined = undefined;
  /** The current or parked chunk will not be changed by the caller. */
  #isKept = false;
  #framesLeft = FRAMES_AT_ONCE;

  constructor(handler: FrameHandler, maxFrameBytes: number, expectPreface: boolean) {
    this.#handler = handler;
    this.#maxFrameBytes = maxFrameBytes;
    this.#expect = expectPreface ? Expect.PREFACE : Expect.HEADER;
  }

  /** Sets the chunk that resume() reads. The caller may change the chunk after resume() unless it `isKept`. */
  feed(chunk: Buffer, isKept = false): void {
    this.#chunk = chunk;
    this.#isKept = isKept;
    this.#offset = 0;
    this.#framesLeft = FRAMES_AT_ONCE;
  }

  /** Reading was suspended, at the latest after FRAMES_AT_ONCE frames. unpark() and resume() continue it. */
  get isParked(): boolean {
    return this.#parked !== undefined;
  }

  /** The rest of a frame's payload is still to come. False between frames and within DATA. */
  get isInsideFrame(): boolean {
    return this.#expect === Expect.PAYLOAD && this.#parked === undefined;
  }

  /** Suspends reading after the current frame. */
  parkNext(): void {
    this.#framesLeft = 0;
  }

  unpark(): void {
    this.#chunk = this.#parked;
    this.#parked = undefined;
    this.#framesLeft = FRAMES_AT_ONCE;
  }

  /** Copies the parked rest of the chunk and appends `more`. After that the caller may reuse the chunk. */
  keepParked(more?: Buffer): void {
    if (this.#parked === undefined || (this.#isKept && more === undefined)) return;
    const rest = this.#parked.subarray(this.#offset);
    this.#parked = Buffer.concat(more === undefined ? [rest] : [rest, more]);
    this.#isKept = true;
    this.#offset = 0;
  }

  /** Drops the rest of the chunk, because the connection is over. */
  stop(): void {
    this.#chunk = undefined;
    this.#parked = undefined;
    this.#held = undefined;
    this.#heldBytes = 0;
  }

  /**
   * Reads until the chunk is used up or parked. An error thrown by the handler passes through; its frame counts as read, and the
   * next resume() continues behind it.
   */
  resume(): void {
    // One loop for all states, with no call per byte: this is the hottest code of the engine.
    while (this.#chunk !== undefined) {
      const chunk = this.#chunk;
      const available = chunk.length - this.#offset;
      switch (this.#expect) {
        case Expect.HEADER:
          if (available >= FRAME_HEADER_BYTES && this.#heldBytes === 0) {
            if (this.#framesLeft-- <= 0) {
              this.#parked = chunk;
              this.#chunk = undefined;
              break;
            }
            this.#readHeader(chunk, this.#offset);
            this.#offset += FRAME_HEADER_BYTES;
            this.#startFrame();
          } else if (available === 0) {
            this.#chunk = undefined;
          } else {
            this.#assemble(chunk, available, FRAME_HEADER_BYTES);
          }
          break;
        case Expect.PAYLOAD:
          if (available >= this.#length && this.#heldBytes === 0) {
            const start = this.#offset;
            this.#offset = start + this.#length;
            this.#expect = Expect.HEADER;
            this.#handler.onFrame(
              this.#type,
              this.#flags,
              this.#streamId,
              chunk,
              start,
              start + this.#length,
            );
          } else if (available === 0) {
            this.framesAwaited += this.#heldBytes === 0 ? 1 : 0;
            this.#chunk = undefined;
          } else {
            this.#assemble(chunk, available, this.#length);
          }
          break;
        case Expect.DATA:
          if (available === 0) this.#chunk = undefined;
          else this.#readData(chunk, available);
          break;
        case Expect.PADDING: {
          const skipped = Math.min(available, this.#remaining);
          this.#offset += skipped;
          this.#remaining -= skipped;
          if (this.#remaining > 0) {
            this.#chunk = undefined;
            break;
          }
          this.#expect = Expect.HEADER;
          this.#handler.onDataPiece(chunk, this.#offset, this.#offset, true);
          break;
        }
        case Expect.PAD_LENGTH:
          if (available === 0) {
            this.#chunk = undefined;
          } else {
            this.#offset++;
            this.#startPaddedData(chunk[this.#offset - 1]);
          }
          break;
        case Expect.PREFACE:
          if (available === 0) this.#chunk = undefined;
          else if (available >= CLIENT_PREFACE.length && this.#heldBytes === 0) this.#readPreface(chunk);
          else this.#assemble(chunk, available, CLIENT_PREFACE.length);
          break;
      }
    }
  }

  #readHeader(bytes: Buffer, at: number): void {
    this.#length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    this.#type = bytes[at + 3];
    this.#flags = bytes[at + 4];
    this.#streamId =
      ((bytes[at + 5] & 0x7f) << 24) | (bytes[at + 6] << 16) | (bytes[at + 7] << 8) | bytes[at + 8];
  }

  #startFrame(): void {
    if (this.#length > this.#maxFrameBytes) {
      throw new ConnectionError(
        ErrorCode.FRAME_SIZE_ERROR,
        'frame_too_large',
        `a frame of ${this.#length} bytes, above SETTINGS_MAX_FRAME_SIZE ${this.#maxFrameBytes}`,
      );
    }
    if (this.#type !== FrameType.DATA) {
      if (this.#type === FrameType.HEADERS) this.#framesLeft -= EXTRA_COST_OF_HEADERS;
      this.#expect = Expect.PAYLOAD;
      return;
    }
    if ((this.#flags & Flag.PADDED) !== 0) {
      if (this.#length === 0) {
        throw new ConnectionError(
          ErrorCode.FRAME_SIZE_ERROR,
          'data_frame_size',
          'DATA too short for its pad length',
        );
      }
      this.#expect = Expect.PAD_LENGTH;
      return;
    }
    this.#padding = 0;
    this.#remaining = this.#length;
    this.#beginData(this.#length, 0);
  }

  #startPaddedData(padLength: number): void {
    // The pad length field counts towards the frame's length (section 6.1).
    if (padLength >= this.#length) throw paddingError(padLength, this.#length);
    this.#padding = padLength;
    this.#remaining = this.#length - 1 - padLength;
    this.#beginData(this.#length, padLength + 1);
  }

  #beginData(length: number, padding: number): void {
    if (this.#remaining > 0) this.#expect = Expect.DATA;
    else this.#expectPadding();
    const isWhole = this.#expect === Expect.HEADER;
    this.#handler.onDataStart(this.#streamId, length, padding, (this.#flags & Flag.END_STREAM) !== 0);
    if (isWhole) this.#handler.onDataPiece(NOTHING, 0, 0, true);
  }

  #expectPadding(): void {
    this.#remaining = this.#padding;
    this.#expect = this.#padding > 0 ? Expect.PADDING : Expect.HEADER;
  }

  #readData(chunk: Buffer, available: number): void {
    const start = this.#offset;
    const size = Math.min(available, this.#remaining);
    this.#offset = start + size;
    this.#remaining -= size;
    if (this.#remaining === 0) this.#expectPadding();
    this.#handler.onDataPiece(chunk, start, start + size, this.#expect === Expect.HEADER);
  }

  /** Collects `needed` bytes that arrive in several chunks. The buffer grows with what has arrived, not with what was announced. */
  #assemble(chunk: Buffer, available: number, needed: number): void {
    const size = Math.min(available, needed - this.#heldBytes);
    const held = this.#hold(this.#heldBytes + size, needed);
    chunk.copy(held, this.#heldBytes, this.#offset, this.#offset + size);
    this.#offset += size;
    this.#heldBytes += size;
    if (this.#expect === Expect.PREFACE) checkPreface(held, 0, this.#heldBytes);
    if (this.#heldBytes < needed) {
      if (this.#heldBytes === size) this.framesAwaited++;
      this.#chunk = undefined;
      return;
    }
    this.#held = undefined;
    this.#heldBytes = 0;
    if (this.#expect === Expect.HEADER) {
      this.#readHeader(held, 0);
      this.#startFrame();
    } else if (this.#expect === Expect.PREFACE) {
      this.#expect = Expect.HEADER;
    } else {
      this.#expect = Expect.HEADER;
      this.#handler.onFrame(this.#type, this.#flags, this.#streamId, held, 0, needed);
    }
  }

  #hold(size: number, needed: number): Buffer {
    const held = this.#held;
    if (held !== undefined && held.length >= size) return held;
    const grown = Buffer.allocUnsafe(
      Math.min(needed, Math.max(FIRST_HOLD_BYTES, size, 2 * (held?.length ?? 0))),
    );
    held?.copy(grown, 0, 0, this.#heldBytes);
    this.#held = grown;
    return grown;
  }

  /** Reads a preface that arrived in one piece, as it usually does. */
  #readPreface(chunk: Buffer): void {
    const start = this.#offset;
    this.#offset += CLIENT_PREFACE.length;
    checkPreface(chunk, start, CLIENT_PREFACE.length);
    this.#expect = Expect.HEADER;
  }
}

const NOTHING = Buffer.alloc(0);

function paddingError(padLength: number, length: number): ConnectionError {
  return new ConnectionError(
    ErrorCode.PROTOCOL_ERROR,
    'data_padding_too_long',
    `DATA of ${length} bytes with ${padLength} bytes of padding`,
  );
}
