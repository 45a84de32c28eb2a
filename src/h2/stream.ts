// One stream of a connection: its state, its two windows, and the owner that gets its events.

import type { HeaderList } from './hpack/header-list.ts';
import type { StreamRoom } from './stream-room.ts';
import { StreamState } from './stream-state.ts';

/**
 * Receives the events of a stream. Calls come synchronously while the connection reads, and buffers are valid only during the
 * call. After onReset, onRefused or onConnectionLost there are no further events.
 */
export interface StreamOwner {
  /** The deadline the peer announced when it opened the stream, in milliseconds from then. Undefined when it announced none. */
  peerDeadlineMs?(): number | undefined;
  /** A final response, or an interim one (1xx), after which more follow. Client role only: requests go to the connection's handler. */
  onResponse(list: HeaderList, endStream: boolean): void;
  /** A piece of DATA without its padding. The owner must pass what it consumes to Stream.credit. The last piece may be empty. */
  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void;
  /** The trailer section, which always ends the peer's side of the stream. */
  onTrailers(list: HeaderList): void;
  /** Data that had to wait may be offered again. */
  onWritable(): void;
  /** The stream was reset by the peer, or by us because of the violation that `violation` names. */
  onReset(code: number, violation: string | undefined): void;
  /** The peer's GOAWAY says that the peer never processed this stream (RFC 9113 section 6.8). Client role only. */
  onRefused(): void;
  /** The connection is gone. */
  onConnectionLost(reason: string): void;
}

/** The sending half of the stream's connection. Sender says what each method does. */
export interface StreamSender {
  sendHeaders(
    stream: Stream,
    list: HeaderList,
    endStream: boolean,
    suffix: Buffer | undefined,
    suffixLength: number | undefined,
  ): boolean;
  sendData(stream: Stream, bytes: Buffer, start: number, end: number, endStream: boolean): number;
  sendReset(stream: Stream, code: number): boolean;
  credit(stream: Stream, size: number): void;
  roomOf(stream: Stream): StreamRoom;
  roomBytesOf(stream: Stream): number;
}

/** The value of Stream.contentLeft for a response to HEAD, or with a status that has no content (RFC 9110 section 6.4.1). */
export const NO_CONTENT_ALLOWED = -2;

const HEADERS_RECEIVED = 1;
const HEADERS_SENT = 2;
const IS_HEAD = 4;
const IS_WAITING = 8;
const IS_QUEUED = 16;

export class Stream {
  readonly id: number;
  readonly #sender: StreamSender;
  owner: StreamOwner;
  state: number = StreamState.IDLE;
  sendWindow: number;
  receiveWindow: number;
  /** Bytes that were consumed and not yet returned to the peer by WINDOW_UPDATE. */
  uncreditedBytes = 0;
  /**
   * How many bytes of DATA are still due by content-length (RFC 9113 section 8.1.1). -1 when there is no content-length;
   * NO_CONTENT_ALLOWED when content is forbidden, whatever the length says.
   */
  contentLeft = -1;
  /** The number of interim responses received. */
  interimResponses = 0;
  /** When the peer opened the stream, by the time that receive() was given; see FloodGuard. */
  openedAtMs = 0;

  /** Used only by StreamTable. */
  nextInTable: Stream | undefined = undefined;

  /** Five booleans as bits: ten thousand idle streams are an ordinary load, and for these each field costs 160 KB. */
  #flags = 0;

  constructor(
    id: number,
    owner: StreamOwner,
    sender: StreamSender,
    sendWindow: number,
    receiveWindow: number,
  ) {
    this.id = id;
    this.#sender = sender;
    this.owner = owner;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** A final header block was received, so the next one is a trailer section. */
  get headersReceived(): boolean {
    return (this.#flags & HEADERS_RECEIVED) !== 0;
  }

  set headersReceived(value: boolean) {
    this.#flags = value ? this.#flags | HEADERS_RECEIVED : this.#flags & ~HEADERS_RECEIVED;
  }

  /** We have sent a header block. */
  get headersSent(): boolean {
    return (this.#flags & HEADERS_SENT) !== 0;
  }

  set headersSent(value: boolean) {
    this.#flags = value ? this.#flags | HEADERS_SENT : this.#flags & ~HEADERS_SENT;
  }

  /** We sent HEAD: the response may have a content-length but has no content (RFC 9110 section 9.3.2). */
  get isHead(): boolean {
    return (this.#flags & IS_HEAD) !== 0;
  }

  set isHead(value: boolean) {
    this.#flags = value ? this.#flags | IS_HEAD : this.#flags & ~IS_HEAD;
  }

  /** The owner has data that did not fit into a window or the output, and waits for onWritable. */
  get isWaiting(): boolean {
    return (this.#flags & IS_WAITING) !== 0;
  }

  set isWaiting(value: boolean) {
    this.#flags = value ? this.#flags | IS_WAITING : this.#flags & ~IS_WAITING;
  }

  /** The stream is in the connection's queue of streams that wait for more than their own window. */
  get isQueued(): boolean {
    return (this.#flags & IS_QUEUED) !== 0;
  }

  set isQueued(value: boolean) {
    this.#flags = value ? this.#flags | IS_QUEUED : this.#flags & ~IS_QUEUED;
  }

  /** A stream that is closed from the start: everything sent on it is skipped. */
  static closed(owner: StreamOwner, sender: StreamSender): Stream {
    const stream = new Stream(0, owner, sender, 0, 0);
    stream.state = StreamState.CLOSED;
    return stream;
  }

  /**
   * Sends a header block: `list`, then the first `suffixLength` bytes of `suffix`, which is HPACK that refers to no table.
   * @returns false when the stream's state forbids it, for example because the stream is over
   */
  sendHeaders(list: HeaderList, endStream: boolean, suffix?: Buffer, suffixLength?: number): boolean {
    return this.#sender.sendHeaders(this, list, endStream, suffix, suffixLength);
  }

  /**
   * Sends as much as the windows and the output have room for. END_STREAM goes with the last byte.
   * @returns how many bytes were taken. When this is less than offered, onWritable says when to offer the rest.
   */
  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    return this.#sender.sendData(this, bytes, start, end, endStream);
  }

  /** @returns false when the stream was already over */
  reset(code: number): boolean {
    return this.#sender.sendReset(this, code);
  }

  /** Notes that `size` bytes of DATA were consumed. The peer may send as many again. */
  credit(size: number): void {
    this.#sender.credit(this, size);
  }

  get roomBytes(): number {
    return this.#sender.roomBytesOf(this);
  }

  /** For reports only. */
  get room(): StreamRoom {
    return this.#sender.roomOf(this);
  }
}
