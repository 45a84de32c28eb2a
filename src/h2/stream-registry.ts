// The live streams of a connection, the stream identifiers used so far, and the streams that ended recently (RFC 9113 section
// 5.1.1).

import { RecentIds } from './recent-ids.ts';
import { Stream, type StreamOwner, type StreamSender } from './stream.ts';
import { nextStreamState, StreamInput, StreamState } from './stream-state.ts';
import { StreamTable } from './stream-table.ts';

/** How a stream that is not live ended, as far as is remembered. */
export const Past = {
  /** The identifier was not used yet. */
  IDLE: 0,
  /** We reset the stream. Frames the peer sent before it knew may still arrive, and are ignored (section 5.1). */
  RESET_BY_US: 1,
  /** Both sides ended the stream, or the peer reset it. */
  CLOSED: 2,
  /** The identifier is below the highest one used: it was skipped, or its stream closed longer ago than is remembered. */
  FORGOTTEN: 3,
} as const;

/** A client whose calls are refused one after another may have a few thousand header blocks in flight. */
const MOST_RESETS_REMEMBERED = 4096;
const MOST_ENDS_REMEMBERED = 64;
const MOST_LATE_FRAMES = 8192;
/** Per stream, since a late frame without content counts as one byte. */
const SPARE_LATE_BYTES = 1024;

export class StreamRegistry {
  readonly #streams = new StreamTable();
  readonly #isServer: boolean;
  lastLocalId: number;
  /** The highest identifier the peer has used. */
  lastPeerId = 0;
  /** The highest stream identifier the peer will process, from its GOAWAY. */
  peerGoAwayLastId: number = Number.POSITIVE_INFINITY;
  /** The highest stream identifier we will process, from our GOAWAY. */
  ownGoAwayLastId: number = Number.POSITIVE_INFINITY;
  /** Kept apart from the other ends, which would push out resets that matter for longer. */
  readonly #resets = new RecentIds(MOST_RESETS_REMEMBERED);
  readonly #ends = new RecentIds(MOST_ENDS_REMEMBERED);
  /** How many streams ended by a reset, or unprocessed. A reset that says NO_ERROR follows a complete response. */
  failedCount = 0;
  #lateBytes = 0;
  #lateFrames = 0;

  constructor(isServer: boolean) {
    this.#isServer = isServer;
    this.lastLocalId = isServer ? 0 : -1;
  }

  /** How many streams were opened: by us as a client, by the peer as a server. */
  get startedCount(): number {
    return ((this.#isServer ? this.lastPeerId : this.lastLocalId) + 1) / 2;
  }

  get size(): number {
    return this.#streams.size;
  }

  /**
   * How many identifiers we can still use before the connection should be replaced (section 5.1.1). Reaches 0 long before the
   * identifiers run out.
   */
  get localIdsLeft(): number {
    return (RETIRE_AT_ID - this.lastLocalId) / 2;
  }

  /** Half of the peer's identifiers are used or skipped. */
  get arePeerIdsWorn(): boolean {
    return this.lastPeerId >= RETIRE_AT_ID;
  }

  get(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  /** A snapshot of the live streams, the oldest first. */
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

  /** Whether streams with this identifier are opened by the peer. */
  isPeerId(id: number): boolean {
    return (id & 1) === (this.#isServer ? 1 : 0);
  }

  /** Removes a stream that has reached the closed state. */
  remove(stream: Stream, resetByUs: boolean): void {
    stream.state = StreamState.CLOSED;
    if (this.#streams.remove(stream)) this.remember(stream.id, resetByUs, stream.receiveWindow);
  }

  /** Applies the peer's END_STREAM. */
  endPeerSide(stream: Stream): void {
    stream.state = nextStreamState(stream.state, StreamInput.RECEIVE_END_STREAM);
    if (stream.state === StreamState.CLOSED) this.remove(stream, false);
  }

  /** @param windowBytes how many bytes of DATA the peer may have sent before it learns of a reset */
  remember(id: number, resetByUs: boolean, windowBytes: number): void {
    if (resetByUs) {
      this.#resets.add(id);
      this.expectLate(windowBytes);
    } else {
      this.#ends.add(id);
      this.#lateFrames = Math.min(this.#lateFrames + 1, MOST_LATE_FRAMES);
    }
  }

  /**
   * Allows for frames of a stream that is over without the peer knowing: DATA up to its window, and the end of the stream, can
   * still be in flight.
   */
  expectLate(windowBytes: number): void {
    this.#lateBytes += Math.max(0, windowBytes) + SPARE_LATE_BYTES;
    this.#lateFrames = Math.min(this.#lateFrames + 2, MOST_LATE_FRAMES);
  }

  /** @returns whether this many bytes of DATA may still come for streams that are over */
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

  /** What is remembered of an identifier without a live stream; see Past. */
  past(id: number): number {
    const highest = this.isPeerId(id) ? this.lastPeerId : this.lastLocalId;
    if (id > highest) return Past.IDLE;
    if (this.#resets.has(id)) return Past.RESET_BY_US;
    return this.#ends.has(id) ? Past.CLOSED : Past.FORGOTTEN;
  }

  /** Empties the registry and returns the streams that were in it, all in the closed state. */
  clear(): Stream[] {
    const streams = this.#streams.values();
    this.#streams.clear();
    for (const stream of streams) stream.state = StreamState.CLOSED;
    return streams;
  }
}

/** Half of the 31-bit range, so that calls in flight can end and a replacement can connect without hurry. */
const RETIRE_AT_ID = 0x4000_0000;
