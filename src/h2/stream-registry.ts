// The live streams of a connection, which identifiers were used, and which streams ended a moment ago
// (RFC 9113 section 5.1.1).

import { RecentIds } from './recent-ids.ts';
import { Stream, type StreamOwner, type StreamSender } from './stream.ts';
import { nextStreamState, StreamInput, StreamState } from './stream-state.ts';
import { StreamTable } from './stream-table.ts';

/** How a stream that is no longer live came to its end, as far as is remembered. */
export const Past = {
  /** Not used yet. */
  IDLE: 0,
  /** We reset it: frames sent before the peer learned of it may still arrive and are ignored (section 5.1). */
  RESET_BY_US: 1,
  /** Ended by both sides, or reset by the peer. */
  CLOSED: 2,
  /** Below the highest identifier seen: skipped, or closed longer ago than is remembered. */
  FORGOTTEN: 3,
} as const;

/** What a client may have under way when its calls are refused one after another: a few thousand headers in one packet. */
const MOST_RESETS_REMEMBERED = 4096;
const MOST_ENDS_REMEMBERED = 64;
const MOST_LATE_FRAMES = 8192;
/** Per stream, for frames without octets. */
const SPARE_LATE_BYTES = 1024;

export class StreamRegistry {
  readonly #streams = new StreamTable();
  readonly #isServer: boolean;
  lastLocalId: number;
  /** The highest identifier the peer has used. */
  lastPeerId = 0;
  /** The last identifier the peer will process, from its GOAWAY. */
  peerGoAwayLastId: number = Number.POSITIVE_INFINITY;
  /** Streams above this are not processed: our GOAWAY said so. */
  ownGoAwayLastId: number = Number.POSITIVE_INFINITY;
  /** Kept apart, so that ordinary ends do not push out what matters longer. */
  readonly #resets = new RecentIds(MOST_RESETS_REMEMBERED);
  readonly #ends = new RecentIds(MOST_ENDS_REMEMBERED);
  #lateBytes = 0;
  #lateFrames = 0;

  constructor(isServer: boolean) {
    this.#isServer = isServer;
    this.lastLocalId = isServer ? 0 : -1;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Identifiers of ours left before the connection has to be replaced (section 5.1.1); kept well above 0. */
  get localIdsLeft(): number {
    return (RETIRE_AT_ID - this.lastLocalId) / 2;
  }

  /** Half of the peer's identifiers are used, or skipped. */
  get arePeerIdsWorn(): boolean {
    return this.lastPeerId >= RETIRE_AT_ID;
  }

  get(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  /** As they are now, the oldest first. */
  values(): Stream[] {
    return this.#streams.values();
  }

  addLocal(owner: StreamOwner, sender: StreamSender, sendWindow: number, receiveWindow: number): Stream {
    this.lastLocalId += 2;
    return this.#add(this.lastLocalId, owner, sender, sendWindow, receiveWindow);
  }

  addPeer(
    id: number,
    owner: StreamOwner,
    sender: StreamSender,
    sendWindow: number,
    receiveWindow: number,
  ): Stream {
    this.lastPeerId = id;
    return this.#add(id, owner, sender, sendWindow, receiveWindow);
  }

  #add(
    id: number,
    owner: StreamOwner,
    sender: StreamSender,
    sendWindow: number,
    receiveWindow: number,
  ): Stream {
    const stream = new Stream(id, owner, sender, sendWindow, receiveWindow);
    this.#streams.add(stream);
    return stream;
  }

  /** Whether the peer, not we, may open a stream of this identifier. */
  isPeerId(id: number): boolean {
    return (id & 1) === (this.#isServer ? 1 : 0);
  }

  /** Takes a stream out when it has reached the closed state. */
  remove(stream: Stream, resetByUs: boolean): void {
    stream.state = StreamState.CLOSED;
    if (this.#streams.remove(stream)) this.remember(stream.id, resetByUs, stream.receiveWindow);
  }

  /** END_STREAM has come from the peer. */
  endPeerSide(stream: Stream): void {
    stream.state = nextStreamState(stream.state, StreamInput.RECEIVE_END_STREAM);
    if (stream.state === StreamState.CLOSED) this.remove(stream, false);
  }

  /** @param windowBytes what the peer may have sent before it learned of a reset */
  remember(id: number, resetByUs: boolean, windowBytes: number): void {
    if (resetByUs) {
      this.#resets.add(id);
      this.expectLate(windowBytes);
    } else {
      this.#ends.add(id);
      this.#lateFrames = Math.min(this.#lateFrames + 1, MOST_LATE_FRAMES);
    }
  }

  /** The peer may not know yet that a stream is over: a window of DATA and its end can still be under way. */
  expectLate(windowBytes: number): void {
    this.#lateBytes += Math.max(0, windowBytes) + SPARE_LATE_BYTES;
    this.#lateFrames = Math.min(this.#lateFrames + 2, MOST_LATE_FRAMES);
  }

  /** @returns whether so many octets of DATA may still come for streams that are over */
  spendLateBytes(size: number): boolean {
    this.#lateBytes -= size;
    return this.#lateBytes >= 0;
  }

  /** @returns whether one more trailer section or RST_STREAM may still come for a stream that is over */
  spendLateFrame(): boolean {
    if (this.#lateFrames === 0) return false;
    this.#lateFrames--;
    return true;
  }

  /** What is known of an identifier without a live stream. */
  past(id: number): number {
    const highest = this.isPeerId(id) ? this.lastPeerId : this.lastLocalId;
    if (id > highest) return Past.IDLE;
    if (this.#resets.has(id)) return Past.RESET_BY_US;
    return this.#ends.has(id) ? Past.CLOSED : Past.FORGOTTEN;
  }

  /** Empties the registry and hands out what was in it, closed. */
  clear(): Stream[] {
    const streams = this.#streams.values();
    this.#streams.clear();
    for (const stream of streams) stream.state = StreamState.CLOSED;
    return streams;
  }
}

/** Half of what 31 bits allow: calls in flight and a replacement connection need no hurry. */
const RETIRE_AT_ID = 0x4000_0000;
