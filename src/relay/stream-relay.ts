// One direction of an exchange: DATA and trailers from the stream they come from to the stream they go to, in order.
// Octets are credited back to their sender only when the other side has taken them, so that at most one window is held.

import type { CallStream } from '../calls/call-stream.ts';
import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import { MessageCounter } from '../grpc/message-counter.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { PendingData } from './pending-data.ts';

/** Told of every octet that the target has taken. */
export interface SentRecorder {
  recordSent(bytes: Buffer, start: number, end: number): void;
}

/** What waits for room on the target; made only when something has to. */
class Backlog {
  readonly data = new PendingData();
  /** Octets at the front that were credited before: a replay. */
  creditedBytes = 0;
  /** The sender has ended; END_STREAM follows the last octet. */
  ends = false;
  trailers: HeaderList | undefined = undefined;
}

export class StreamRelay {
  /** DATA octets received, without padding. */
  bytes = 0;
  /** END_STREAM was handed to the target. */
  isEnded = false;
  readonly #counter: MessageCounter | undefined;
  #source: CallStream | undefined = undefined;
  #target: CallStream | undefined = undefined;
  #recorder: SentRecorder | undefined = undefined;
  #backlog: Backlog | undefined = undefined;

  constructor(countsMessages: boolean) {
    this.#counter = countsMessages ? new MessageCounter() : undefined;
  }

  get messages(): number {
    return this.#counter === undefined ? 0 : this.#counter.messages;
  }

  /** The sender has ended, whether or not everything was handed on. */
  get isComplete(): boolean {
    return this.isEnded || this.#backlog?.ends === true;
  }

  /** Octets held. */
  get pendingBytes(): number {
    return this.#backlog === undefined ? 0 : this.#backlog.data.size;
  }

  /** Whom to credit for what is taken; undefined when the octets are our own. */
  setSource(stream: CallStream | undefined): void {
    this.#source = stream;
  }

  /** Where to send; what has waited is sent as far as there is room. */
  setTarget(stream: CallStream, recorder?: SentRecorder): void {
    this.#target = stream;
    this.#recorder = recorder;
    this.resume();
  }

  /** The sender ended with its header block: there is no DATA. */
  end(): void {
    this.#hold().ends = true;
  }

  /**
   * Where nothing but the end is left to send, the header block about to be sent may carry it.
   * @returns whether it is to carry END_STREAM
   */
  takeEnd(): boolean {
    const backlog = this.#backlog;
    if (backlog === undefined || !backlog.ends || backlog.data.size > 0 || backlog.trailers !== undefined) {
      return false;
    }
    this.#backlog = undefined;
    this.isEnded = true;
    return true;
  }

  /** The target is gone; what comes is held for the next one. */
  clearTarget(): void {
    this.#target = undefined;
    this.#recorder = undefined;
  }

  /** Puts octets that a lost target had been given back in front of what waits. They were credited when first taken. */
  replay(pieces: readonly Buffer[], wasEnded: boolean): void {
    const waiting = this.#backlog;
    const backlog = new Backlog();
    for (const piece of pieces) {
      backlog.data.append(piece, 0, piece.length);
      backlog.creditedBytes += piece.length;
    }
    waiting?.data.drain((bytes, start, end) => {
      backlog.data.append(bytes, start, end);
      return end - start;
    });
    backlog.ends = wasEnded || waiting?.ends === true;
    backlog.trailers = waiting?.trailers;
    this.#backlog = backlog;
    this.isEnded = false;
  }

  forward(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const size = end - start;
    this.bytes += size;
    if (this.#counter !== undefined) this.#counter.consume(bytes, start, end);
    let taken = 0;
    if (this.#target !== undefined && this.#backlog === undefined) {
      taken = this.#target.sendData(bytes, start, end, endStream);
      if (this.#recorder !== undefined) this.#recorder.recordSent(bytes, start, start + taken);
      if (taken > 0 && this.#source !== undefined) this.#source.credit(taken);
      if (taken === size) {
        this.isEnded = endStream;
        return;
      }
    }
    const backlog = this.#hold();
    backlog.data.append(bytes, start + taken, end);
    if (endStream) backlog.ends = true;
  }

  /** The trailer section: it follows the last octet, however long that takes. */
  forwardTrailers(list: HeaderList): void {
    if (this.#target !== undefined && this.#backlog === undefined) {
      this.#target.sendHeaders(list, true);
      this.isEnded = true;
      return;
    }
    const backlog = this.#hold();
    backlog.trailers = list;
    backlog.ends = true;
  }

  /** Forgets what waits for room, the end included. */
  discard(): void {
    this.#backlog = undefined;
  }

  #hold(): Backlog {
    this.#backlog ??= new Backlog();
    return this.#backlog;
  }

  /** There may be room again. */
  resume(): void {
    const target = this.#target;
    const backlog = this.#backlog;
    if (target === undefined || backlog === undefined) return;
    const endsWithData = backlog.ends && backlog.trailers === undefined;
    const hadData = backlog.data.size > 0;
    backlog.data.drain((bytes, start, end, isLast) =>
      this.#sendHeld(backlog, bytes, start, end, isLast && endsWithData),
    );
    if (backlog.data.size > 0) return;
    this.#backlog = undefined;
    if (!backlog.ends) return;
    if (backlog.trailers !== undefined) target.sendHeaders(backlog.trailers, true);
    else if (!hadData) target.sendData(NOTHING, 0, 0, true);
    this.isEnded = true;
  }

  #sendHeld(backlog: Backlog, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.#target === undefined) return 0;
    const taken = this.#target.sendData(bytes, start, end, endStream);
    if (this.#recorder !== undefined) this.#recorder.recordSent(bytes, start, start + taken);
    const credited = Math.min(taken, backlog.creditedBytes);
    backlog.creditedBytes -= credited;
    if (taken > credited) this.#source?.credit(taken - credited);
    return taken;
  }
}

const NOTHING = Buffer.alloc(0);

/** So far. */
export function trafficOf(request: StreamRelay, response: StreamRelay): ExchangeTraffic {
  return {
    requestBytes: request.bytes,
    responseBytes: response.bytes,
    requestMessages: request.messages,
    responseMessages: response.messages,
  };
}
