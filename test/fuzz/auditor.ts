// Looks at both directions of a connection under test and knows the rules for what it may send: frames that parse, header
// blocks that decode, DATA within the windows, nothing on a stream behind its end. Shares no state with the connection.

import assert from 'node:assert/strict';
import { CLIENT_PREFACE, Flag, FrameType } from '../../src/h2/frame-type.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { frameSummary } from '../support/frame-summary.ts';
import { rawFrame } from '../support/raw-frames.ts';
import { FrameStream, type SeenFrame } from './frame-stream.ts';

const DEFAULT_FRAME_BYTES = 16_384;

interface Half {
  /** By END_STREAM. */
  isEnded: boolean;
  isReset: boolean;
  /** Credit given by the peer's WINDOW_UPDATE, less what was sent. */
  window: number;
  /** Bytes of DATA received and not credited by the connection yet. */
  uncredited: number;
}

/** Undefined where they say nothing of it. */
interface SeenSettings {
  initialWindow?: number;
  frameBytes?: number;
}

/** Frames as the connection sent them, for whoever plays its peer. */
export type OnSent = (frame: SeenFrame) => void;

export class Auditor {
  readonly #received: FrameStream;
  readonly #sent: FrameStream;
  readonly #onSent: OnSent;
  readonly #decoder = new HpackDecoder({
    maxTableSizeBytes: 4096,
    maxListSizeBytes: 1_000_000,
    maxFields: 10_000,
  });
  readonly #halves = new Map<number, Half>();
  /** SETTINGS received and not acknowledged yet. */
  readonly #settings: SeenSettings[] = [];
  #pings = 0;
  #initialWindow = 65_535;
  #frameBytes = DEFAULT_FRAME_BYTES;
  #window = 65_535;
  #block: { readonly streamId: number; readonly pieces: Buffer[] } | undefined = undefined;
  goAways = 0;
  lastType = -1;

  constructor(role: 'server' | 'client', onSent: OnSent) {
    this.#received = new FrameStream(role === 'server' ? CLIENT_PREFACE.length : 0);
    this.#sent = new FrameStream(role === 'client' ? CLIENT_PREFACE.length : 0);
    this.#onSent = onSent;
  }

  /** SETTINGS the connection has not acknowledged. */
  get unacknowledged(): number {
    return this.#settings.length;
  }

  /** The connection has been given the beginning of a frame and not its end. */
  get isAmidFrame(): boolean {
    return this.#received.restBytes > 0;
  }

  receives(bytes: Buffer): void {
    for (const { type, flags, streamId, payload } of this.#received.read(bytes)) {
      if (type === FrameType.WINDOW_UPDATE && payload.length === 4) {
        const increment = payload.readUInt32BE(0) & 0x7fffffff;
        if (streamId === 0) this.#window += increment;
        else this.#half(streamId).window += increment;
      } else if (type === FrameType.DATA) {
        this.#half(streamId).uncredited += payload.length;
        this.#half(0).uncredited += payload.length;
      } else if ((flags & Flag.ACK) === 0 && type === FrameType.PING) {
        this.#pings++;
      } else if ((flags & Flag.ACK) === 0 && type === FrameType.SETTINGS) {
        this.#settings.push(settingsIn(payload));
      }
    }
  }

  sends(bytes: Buffer): void {
    for (const frame of this.#sent.read(bytes)) {
      this.lastType = frame.type;
      this.#check(frame);
      this.#onSent(frame);
    }
    assert.equal(this.#sent.restBytes, 0, 'output ends within a frame');
  }

  #half(streamId: number): Half {
    let half = this.#halves.get(streamId);
    if (half === undefined) {
      half = { isEnded: false, isReset: false, window: 0, uncredited: 0 };
      this.#halves.set(streamId, half);
    }
    return half;
  }

  #check(frame: SeenFrame): void {
    const { type, flags, streamId, payload } = frame;
    if (payload.length > this.#frameBytes) fail('a frame above the maximum', frame);
    if (this.#block !== undefined && (type !== FrameType.CONTINUATION || streamId !== this.#block.streamId))
      fail('a header block is interrupted', frame);
    switch (type) {
      case FrameType.DATA:
        this.#checkData(frame);
        break;
      case FrameType.HEADERS:
        this.#checkAlive(frame);
        this.#block = { streamId, pieces: [payload] };
        if ((flags & Flag.END_STREAM) !== 0) this.#half(streamId).isEnded = true;
        this.#checkBlock(frame);
        break;
      case FrameType.CONTINUATION:
        if (this.#block === undefined) fail('CONTINUATION of nothing', frame);
        else this.#block.pieces.push(payload);
        this.#checkBlock(frame);
        break;
      case FrameType.RST_STREAM:
        if (streamId === 0 || payload.length !== 4) fail('RST_STREAM is malformed', frame);
        this.#half(streamId).isReset = true;
        break;
      case FrameType.WINDOW_UPDATE:
        this.#checkCredit(frame);
        break;
      default:
        this.#checkConnectionFrame(frame);
    }
  }

  #checkData(frame: SeenFrame): void {
    const { flags, streamId, payload } = frame;
    this.#checkAlive(frame);
    const half = this.#half(streamId);
    half.window -= payload.length;
    this.#window -= payload.length;
    if (payload.length > 0 && half.window + this.#initialWindow < 0)
      fail("DATA beyond the stream's window", frame);
    if (payload.length > 0 && this.#window < 0) fail("DATA beyond the connection's window", frame);
    if (payload.length === 0 && (flags & Flag.END_STREAM) === 0) fail('DATA that says nothing', frame);
    if ((flags & Flag.END_STREAM) !== 0) half.isEnded = true;
  }

  #checkCredit(frame: SeenFrame): void {
    const { streamId, payload } = frame;
    if (payload.length !== 4 || payload.readUInt32BE(0) === 0) fail('WINDOW_UPDATE is malformed', frame);
    const half = this.#half(streamId);
    if (streamId !== 0 && half.isReset) fail('credit for a stream that was reset', frame);
    half.uncredited -= payload.readUInt32BE(0);
    // A frame counts as soon as its header is here.
    const begun = this.#received.restFrame;
    const isOfStream = begun?.type === FrameType.DATA && (streamId === 0 || streamId === begun.streamId);
    if (half.uncredited + (isOfStream ? begun.length : 0) < 0)
      fail('credit for more than was received', frame);
  }

  #checkAlive(frame: SeenFrame): void {
    const half = this.#half(frame.streamId);
    if (frame.streamId === 0) fail('a frame of a stream on the connection', frame);
    if (half.isEnded) fail('a frame behind END_STREAM', frame);
    if (half.isReset) fail('a frame behind RST_STREAM', frame);
  }

  #checkBlock(frame: SeenFrame): void {
    if ((frame.flags & Flag.END_HEADERS) === 0 || this.#block === undefined) return;
    const block = Buffer.concat(this.#block.pieces);
    this.#block = undefined;
    const list = this.#decoder.decode(block, 0, block.length);
    if (list.length === 0 || list.overflowedAt !== undefined) fail('a header block without fields', frame);
  }

  #checkConnectionFrame(frame: SeenFrame): void {
    const { type, flags, streamId, payload } = frame;
    if (streamId !== 0) fail('a frame of the connection on a stream', frame);
    const isAcknowledgement = (flags & Flag.ACK) !== 0;
    if (type === FrameType.PING) {
      if (payload.length !== 8 || (isAcknowledgement && this.#pings-- <= 0))
        fail('PING is out of order', frame);
    } else if (type === FrameType.SETTINGS) {
      if (!isAcknowledgement) return;
      if (payload.length > 0 || this.#settings.length === 0) fail('SETTINGS are out of order', frame);
      const { initialWindow, frameBytes } = this.#settings.shift() ?? {};
      this.#initialWindow = initialWindow ?? this.#initialWindow;
      this.#frameBytes = frameBytes ?? this.#frameBytes;
    } else if (type === FrameType.GOAWAY) {
      this.goAways++;
      if (payload.length < 8) fail('GOAWAY is malformed', frame);
    } else {
      fail('a frame nobody here sends', frame);
    }
  }
}

function settingsIn(payload: Buffer): SeenSettings {
  const seen: SeenSettings = {};
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    const id = payload.readUInt16BE(at);
    const value = payload.readUInt32BE(at + 2);
    if (id === SettingId.INITIAL_WINDOW_SIZE) seen.initialWindow = value;
    else if (id === SettingId.MAX_FRAME_SIZE) seen.frameBytes = value;
  }
  return seen;
}

function fail(what: string, { type, flags, streamId, payload }: SeenFrame): never {
  assert.fail(`sent ${what}: ${frameSummary(rawFrame(type, flags, streamId, payload))}`);
}
