// Plays the peer of a connection under test: writes frames that are legal for what it has seen so far, in either role,
// and leaves breaking the rules to mutation.ts.

import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import type { SeenFrame } from './frame-stream.ts';
import { patternAt } from './fuzz-owner.ts';
import { type ChosenBlock, HeaderBlocks } from './header-blocks.ts';
import type { Random } from './random.ts';

const MOST_STREAMS = 60;
const MOST_SETTINGS = 12;
const MOST_PINGS = 60;

interface PeerStream {
  /** The peer's own HEADERS, final ones, are sent. */
  hasBegun: boolean;
  hasEnded: boolean;
  /** The connection has ended its side. */
  isAnswered: boolean;
  window: number;
  /** Bytes still due by content-length; -1 when it named none. */
  contentLeft: number;
  sentBytes: number;
  interims: number;
}

export class FuzzPeer {
  readonly #isClient: boolean;
  readonly #random: Random;
  readonly #leaves: boolean;
  readonly blocks: HeaderBlocks;
  readonly #streams = new Map<number, PeerStream>();
  /** Header lists by stream, in the order they were sent. */
  readonly sentLists = new Map<number, string[]>();
  /** Answers that are due: acknowledgements. */
  #due: Buffer[] = [];
  #window = 65_535;
  #nextId = 1;
  #settings = 0;
  #pings = 0;
  #hasLeft = false;

  /** @param options `leaves`: it may send GOAWAY */
  constructor(
    connectionRole: 'server' | 'client',
    random: Random,
    options: { readonly leaves: boolean } = { leaves: true },
  ) {
    this.#leaves = options.leaves;
    this.#isClient = connectionRole === 'server';
    this.#random = random;
    this.blocks = new HeaderBlocks(random);
  }

  /** What comes first. */
  opening(): Buffer {
    const settings = this.#settingsFrame();
    return this.#isClient ? Buffer.concat([frames.preface(), settings]) : settings;
  }

  /** The highest identifier of a request so far, for frames on streams that are over. */
  get lastId(): number {
    return this.#nextId - 2;
  }

  /** A stream on which HEADERS are due; it is the caller's from now on. */
  takeUnbegun(): number {
    if (this.#isClient) {
      this.#nextId += 2;
      return this.lastId;
    }
    for (const [id, stream] of this.#streams) {
      if (stream.hasBegun) continue;
      this.#streams.delete(id);
      return id;
    }
    return 1;
  }

  /** The peer reads what the connection has sent. */
  sees({ type, flags, streamId, payload }: SeenFrame): void {
    const stream = this.#streams.get(streamId);
    switch (type) {
      case FrameType.SETTINGS:
        if ((flags & Flag.ACK) === 0) this.#due.push(frames.settingsAcknowledgement());
        return;
      case FrameType.PING:
        if ((flags & Flag.ACK) === 0) this.#due.push(frames.pingAcknowledgement(payload.toString('latin1')));
        return;
      case FrameType.WINDOW_UPDATE:
        if (streamId === 0) this.#window += payload.readUInt32BE(0);
        else if (stream !== undefined) stream.window += payload.readUInt32BE(0);
        return;
      case FrameType.RST_STREAM:
        this.#streams.delete(streamId);
        return;
      case FrameType.HEADERS:
        if (!this.#isClient && stream === undefined && streamId >= this.#nextId) this.#takeRequest(streamId);
        this.#seesEnd(streamId, flags);
        return;
      case FrameType.DATA:
        this.#seesEnd(streamId, flags);
        return;
      default:
    }
  }

  #takeRequest(streamId: number): void {
    this.#nextId = streamId + 2;
    if (this.#hasLeft) return;
    this.#streams.set(streamId, newStream());
  }

  #seesEnd(streamId: number, flags: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || (flags & Flag.END_STREAM) === 0) return;
    stream.isAnswered = true;
    if (stream.hasEnded) this.#streams.delete(streamId);
  }

  /** One legal step: a frame, or HEADERS with its CONTINUATION. */
  next(): Buffer {
    const due = this.#due.shift();
    if (due !== undefined) return due;
    const random = this.#random;
    const choice = random.below(100);
    if (choice < 12) return this.#connectionFrame();
    if (choice < 30 && this.#isClient && this.#streams.size < MOST_STREAMS) return this.#request();
    const id = this.#anyStream();
    if (id === undefined) return this.#isClient ? this.#request() : this.#connectionFrame();
    const stream = this.#streams.get(id);
    if (stream === undefined || choice < 36)
      return frames.windowUpdate(random.oneIn(2) ? 0 : id, 1 + random.below(20_000));
    if (choice < 39) return this.#reset(id);
    if (stream.hasEnded) return frames.windowUpdate(id, 1 + random.below(60_000));
    if (!stream.hasBegun) return this.#response(id, stream);
    return choice < 55 ? this.#end(id, stream) : this.#data(id, stream);
  }

  #anyStream(): number | undefined {
    if (this.#streams.size === 0) return undefined;
    let at = this.#random.below(this.#streams.size);
    for (const id of this.#streams.keys()) if (at-- === 0) return id;
    return undefined;
  }

  #request(): Buffer {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = newStream();
    const block = this.blocks.request();
    stream.contentLeft = block.contentLength;
    stream.hasBegun = true;
    this.#streams.set(id, stream);
    return this.#headers(id, block, this.#mayEnd(id, stream));
  }

  #response(id: number, stream: PeerStream): Buffer {
    if (stream.interims < 5 && this.#random.oneIn(10)) {
      stream.interims++;
      return this.#headers(id, this.blocks.interim(), false);
    }
    const block = this.blocks.response();
    stream.contentLeft = block.contentLength;
    stream.hasBegun = true;
    return this.#headers(id, block, this.#mayEnd(id, stream));
  }

  #mayEnd(id: number, stream: PeerStream): boolean {
    if (stream.contentLeft > 0 || !this.#random.oneIn(4)) return false;
    this.#ended(id, stream);
    return true;
  }

  #ended(id: number, stream: PeerStream): void {
    stream.hasEnded = true;
    if (stream.isAnswered) this.#streams.delete(id);
  }

  #headers(id: number, chosen: ChosenBlock, endStream: boolean): Buffer {
    const block = chosen.bytes;
    const sent = this.sentLists.get(id);
    if (sent === undefined) this.sentLists.set(id, [chosen.text]);
    else sent.push(chosen.text);
    const random = this.#random;
    const padding = random.oneIn(6) ? { padding: random.below(256) } : {};
    const priority = random.oneIn(6);
    if (block.length < 14_000 && !random.oneIn(8))
      return frames.headers(id, block, { endStream, priority, ...padding });
    const at = Math.min(random.below(block.length + 1), 14_000);
    const further = Math.min(block.length, at + random.below(14_000));
    return Buffer.concat([
      frames.headers(id, block.subarray(0, at), { endStream, priority, endHeaders: false, ...padding }),
      ...(further > at ? [frames.continuation(id, block.subarray(at, further), false)] : []),
      frames.continuation(id, block.subarray(further)),
    ]);
  }

  #end(id: number, stream: PeerStream): Buffer {
    if (stream.contentLeft > 0) return this.#data(id, stream);
    this.#ended(id, stream);
    return this.#random.oneIn(2)
      ? this.#headers(id, this.blocks.trailers(), true)
      : frames.data(id, '', { endStream: true });
  }

  #data(id: number, stream: PeerStream): Buffer {
    const random = this.#random;
    const padding = random.oneIn(8) ? random.below(256) : undefined;
    const overhead = padding === undefined ? 0 : padding + 1;
    const room = Math.min(stream.window, this.#window, 16_384) - overhead;
    const wanted = random.oneIn(6) ? random.below(16_384) : 1 + random.below(300);
    const length = Math.min(wanted, stream.contentLeft === -1 ? wanted : stream.contentLeft);
    if (length <= 0 || length > room) return frames.windowUpdate(id, 1 + random.below(5000));
    stream.window -= length + overhead;
    this.#window -= length + overhead;
    if (stream.contentLeft > 0) stream.contentLeft -= length;
    const endStream = this.#mayEnd(id, stream);
    const content = Buffer.alloc(length);
    for (let at = 0; at < length; at++) content[at] = patternAt(id, stream.sentBytes++);
    return frames.data(id, content, { endStream, ...(padding === undefined ? {} : { padding }) });
  }

  #reset(id: number): Buffer {
    this.#streams.delete(id);
    return frames.resetStream(id, this.#random.below(16));
  }

  #connectionFrame(): Buffer {
    const random = this.#random;
    switch (random.below(8)) {
      case 0:
        if (this.#pings++ < MOST_PINGS) return frames.ping();
        return frames.windowUpdate(0, 1 + random.below(1000));
      case 1:
        if (this.#settings < MOST_SETTINGS) return this.#settingsFrame();
        return frames.windowUpdate(0, 1 + random.below(1000));
      case 2:
        return frames.priority(1 + random.below(0x7fffff), Buffer.from([0, 0, 0, 0, random.below(256)]));
      case 3:
        return frames.frame(
          0x10 + random.below(0x60),
          random.below(256),
          random.below(20),
          random.bytes(random.below(40)),
        );
      case 4:
        return this.#leaves && random.oneIn(60)
          ? this.#goAway()
          : frames.windowUpdate(0, 1 + random.below(100_000));
      default:
        return frames.windowUpdate(0, 1 + random.below(50_000));
    }
  }

  #goAway(): Buffer {
    this.#hasLeft = true;
    const last = this.#isClient ? 0 : Math.max(0, this.lastId - 2 * this.#random.below(4));
    if (!this.#isClient) for (const id of this.#streams.keys()) if (id > last) this.#streams.delete(id);
    return frames.goAway(last, this.#random.oneIn(2) ? 0 : this.#random.below(14), 'enough');
  }

  #settingsFrame(): Buffer {
    const random = this.#random;
    this.#settings++;
    const all: readonly (readonly [number, number])[] = [
      [1, random.pick([0, 100, 4096, 65_536])],
      [3, 50 + random.below(100)],
      [4, random.pick([0, 1, 1000, 65_535, 1_000_000])],
      [5, 16_384 + random.below(100_000)],
      [6, random.below(100_000)],
      [0x77, random.next()],
    ];
    return frames.settings(...all.filter(() => random.oneIn(2)));
  }
}

function newStream(): PeerStream {
  return {
    hasBegun: false,
    hasEnded: false,
    isAnswered: false,
    window: 65_535,
    contentLeft: -1,
    sentBytes: 0,
    interims: 0,
  };
}
