// One stream of a connection: its state, its two windows, and who is told of what happens on it.

import type { HeaderList } from './hpack/header-list.ts';
import { StreamState } from './stream-state.ts';

/**
 * Told of everything the peer does on a stream. Calls come synchronously while the connection reads; buffers are valid
 * only during the call. After onReset, onRefused or onConnectionLost nothing more is told.
 */
export interface StreamOwner {
  /** Milliseconds after which the peer gives the stream up, by what it said when it opened it; undefined: it said nothing. */
  peerDeadlineMs?(): number | undefined;
  /** A response: final, or interim (1xx), in which case more follow. Client role only; requests go to the connection's handler. */
  onResponse(list: HeaderList, endStream: boolean): void;
  /** A piece of DATA without padding. What is taken must be credited by Stream.credit. An empty last piece is possible. */
  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void;
  /** The trailer section; always the end of the peer's side. */
  onTrailers(list: HeaderList): void;
  /** Data that had to wait may be sent again. */
  onWritable(): void;
  /** The stream is over before its time: reset by the peer, or by us for the violation named in `violation`. */
  onReset(code: number, violation: string | undefined): void;
  /** The peer's GOAWAY says that it never processed this stream (RFC 9113 section 6.8). Client role only. */
  onRefused(): void;
  /** The connection is gone. */
  onConnectionLost(reason: string): void;
}

/** The sending half of the stream's connection; see Sender for what each method does. */
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
}

/** Of a response to HEAD, or with a status that has no content (RFC 9110 section 6.4.1). */
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
  /** Octets consumed and not yet credited to the peer by WINDOW_UPDATE. */
  uncreditedBytes = 0;
  /**
   * DATA octets still due by content-length, or -1 when none was given (RFC 9113 section 8.1.1); NO_CONTENT_ALLOWED when
   * there may be none, whatever length was given.
   */
  contentLeft = -1;
  /** Interim responses received. */
  interimResponses = 0;
  /** When the peer opened the stream, by the time receive() was told; see FloodGuard. */
  openedAtMs = 0;

  /** For StreamTable alone. */
  nextInTable: Stream | undefined = undefined;

  /** Five booleans as bits: ten thousand idle streams are an ordinary load, and each field of theirs is 160 KB. */
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

  /** A final header block was received: what comes next is a trailer section. */
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

  /** We asked by HEAD: the response names a length and has no content (RFC 9110 section 9.3.2). */
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

  /** It stands in the connection's queue of those that wait for more than their own window. */
  get isQueued(): boolean {
    return (this.#flags & IS_QUEUED) !== 0;
  }

  set isQueued(value: boolean) {
    this.#flags = value ? this.#flags | IS_QUEUED : this.#flags & ~IS_QUEUED;
  }

  /** A stream that was over before it began: everything sent on it is left out. */
  static closed(owner: StreamOwner, sender: StreamSender): Stream {
    const stream = new Stream(0, owner, sender, 0, 0);
    stream.state = StreamState.CLOSED;
    return stream;
  }

  /**
   * Sends a header block: `list`, and behind it `suffix` up to `suffixLength`, HPACK that needs no table.
   * @returns false when the stream's state forbids it, e.g. because the stream is over
   */
  sendHeaders(list: HeaderList, endStream: boolean, suffix?: Buffer, suffixLength?: number): boolean {
    return this.#sender.sendHeaders(this, list, endStream, suffix, suffixLength);
  }

  /**
   * Sends as much as windows and output have room for, and END_STREAM with the last octet.
   * @returns how many octets were taken; where fewer than given, onWritable will tell when to offer the rest.
   */
  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    return this.#sender.sendData(this, bytes, start, end, endStream);
  }

  /** @returns false when the stream was over already */
  reset(code: number): boolean {
    return this.#sender.sendReset(this, code);
  }

  /** `size` octets of DATA were consumed: the peer may send as many again. */
  credit(size: number): void {
    this.#sender.credit(this, size);
  }
}
