// A stream that is connected to nothing: it records what is sent on it, and accepts as much as the test allows.

import { errorCodeName } from '../../src/h2/error-codes.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { Stream, type StreamOwner, type StreamSender } from '../../src/h2/stream.ts';
import type { StreamRoom } from '../../src/h2/stream-room.ts';

export const IGNORING_OWNER: StreamOwner = {
  onResponse() {},
  onData() {},
  onTrailers() {},
  onWritable() {},
  onReset() {},
  onRefused() {},
  onConnectionLost() {},
};

/** The room of a stream that is connected to nothing. */
export const NO_ROOM: StreamRoom = {
  sendWindow: undefined,
  receiveWindow: undefined,
  connectionSendWindow: undefined,
  connectionReceiveWindow: undefined,
  unsentBytes: 0,
  heldBytes: 0,
  isPaused: false,
};

export class RecordedStream implements StreamSender {
  readonly stream: Stream;
  /** One entry for each thing sent: `headers a=b end`, `data "abc" end`, `reset CANCEL`. */
  readonly log: string[] = [];
  /** The encoded suffix of the last header block. */
  suffix: Buffer = Buffer.alloc(0);
  /** The number of DATA bytes that the stream still accepts. */
  room = Number.POSITIVE_INFINITY;
  creditedBytes = 0;
  /** Whether it was offered more than it had room for when it was offered something last, and so has to tell of room. */
  isWaiting = false;
  isReset = false;
  /** Whether the connection is lost, so that the stream ends before it begins. */
  isLost = false;

  constructor(owner: StreamOwner = IGNORING_OWNER) {
    this.stream = new Stream(1, owner, this, 65_535, 65_535);
  }

  sendHeaders(
    _stream: Stream,
    list: HeaderList,
    endStream: boolean,
    suffix: Buffer = Buffer.alloc(0),
    suffixLength = 0,
  ): boolean {
    if (this.isLost) return false;
    const fields = list.names.map((name, index) => `${name}=${list.values[index]}`);
    this.log.push(['headers', ...fields, ...(endStream ? ['end'] : [])].join(' '));
    this.suffix = Buffer.from(suffix.subarray(0, suffixLength));
    return true;
  }

  sendData(_stream: Stream, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const taken = Math.min(end - start, this.room);
    this.room -= taken;
    this.isWaiting = taken < end - start;
    const ends = endStream && taken === end - start;
    if (taken > 0 || ends) {
      this.log.push(`data "${bytes.toString('latin1', start, start + taken)}"${ends ? ' end' : ''}`);
    }
    return taken;
  }

  roomBytesOf(): number {
    return this.room;
  }

  roomOf({ sendWindow, receiveWindow }: Stream): StreamRoom {
    return { ...NO_ROOM, sendWindow, receiveWindow };
  }

  sendReset(_stream: Stream, code: number): boolean {
    if (this.isReset) return false;
    this.isReset = true;
    this.log.push(`reset ${errorCodeName(code)}`);
    return true;
  }

  credit(_stream: Stream, size: number): void {
    this.creditedBytes += size;
  }

  /** @returns and removes everything recorded so far */
  takeLog(): string[] {
    return this.log.splice(0);
  }
}
