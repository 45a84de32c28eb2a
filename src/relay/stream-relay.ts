// One direction of an exchange: passes DATA and trailers from the source stream to the target stream, in order. Bytes are credited to
// the source only when the target has taken them, so at most one window is held.

import type { CallStream } from '../calls/call-stream.ts';
import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import { MessageCounter } from '../grpc/message-counter.ts';
import { MessageWatch } from '../grpc/message-watch.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { turnStamp } from '../transport/turn-clock.ts';
import type { FlowGate } from './flow-gate.ts';
import { PendingData } from './pending-data.ts';

/** Is told about all bytes that the target has taken. */
export interface SentRecorder {
  recordSent(bytes: Buffer, start: number, end: number): void;
}

/** What waits for room on the target, or until a limit lets it pass. Created only when something has to wait. */
class Backlog {
  /** Since when something has waited without a break, by turnStamp(). */
  readonly sinceStamp = turnStamp();
  readonly data = new PendingData();
  /** Bytes at the front that are replayed, and were credited when they were sent first. */
  creditedBytes = 0;
  /** The source has ended: END_STREAM follows the last byte. */
  ends = false;
  trailers: HeaderList | undefined = undefined;
  /** When the target took bytes last, by turnStamp(). Before that, when it took too few. */
  movedStamp = turnStamp();
}

export class StreamRelay {
  /** DATA bytes received, without padding. */
  bytes = 0;
  /** Whether END_STREAM was passed to the target. */
  isEnded = false;
  /** When bytes of the source came last, by turnStamp(). Before that, when the exchange began. */
  stamp = turnStamp();
  #counter: MessageCounter | MessageWatch | undefined;
  #source: CallStream | undefined = undefined;
  #target: CallStream | undefined = undefined;
  #recorder: SentRecorder | undefined = undefined;
  #backlog: Backlog | undefined = undefined;
  /** Puts something between the relay and each target. Undefined for nearly all calls. */
  #between: ((target: CallStream) => CallStream) | undefined = undefined;
  /** Undefined if nothing limits the direction. */
  #gate: FlowGate | undefined = undefined;

  constructor(countsMessages: boolean) {
    this.#counter = countsMessages ? new MessageCounter() : undefined;
  }

  get messages(): number {
    return this.#counter === undefined ? 0 : this.#counter.messages;
  }

  /** Whether the source has sent a part of a message and not all of it. Only known of gRPC. */
  get isInsideMessage(): boolean {
    return this.#counter?.isInsideMessage === true;
  }

  /** Since when no pending byte was taken, by turnStamp(). */
  get stuckStamp(): number {
    return this.#backlog?.movedStamp ?? this.stamp;
  }

  /** A time at which the oldest pending bytes had come already, by turnStamp(). Undefined if none wait. */
  get oldestStamp(): number | undefined {
    return this.#backlog?.data.oldestStamp;
  }

  /** From now on the gate says what may pass. Call it before the first byte has passed. */
  limit(gate: FlowGate): void {
    this.#gate = gate;
  }

  /** Nothing limits the direction any more. May be called at any time. */
  unlimit(): void {
    this.#gate?.close();
    this.#gate = undefined;
  }

  /** Which limit holds back what waits, as a part of a sentence, and since when, by turnStamp(). Undefined if none does. */
  get pacing(): { readonly limit: string; readonly sinceStamp: number } | undefined {
    const limit = this.#gate?.heldBy;
    return limit === undefined || this.#backlog === undefined
      ? undefined
      : { limit, sinceStamp: this.#backlog.sinceStamp };
  }

  /** Whether a limit holds back what waits. */
  get isPaced(): boolean {
    return this.#gate?.heldBy !== undefined;
  }

  /** Bytes that wait for room on the target alone. Limits look at them only once there is some. */
  get owedBytes(): number {
    const gate = this.#gate;
    return gate?.heldBy === undefined ? this.pendingBytes : Math.min(this.pendingBytes, gate.allowedBytes);
  }

  /** Lets a watch follow the messages. Call it before the first byte. Has no effect if the direction has no messages. */
  watch(watch: MessageWatch): void {
    if (this.#counter !== undefined) this.#counter = watch;
  }

  /** The source has sent this header section. */
  noteHead(list: HeaderList): void {
    this.stamp = turnStamp();
    if (this.#counter instanceof MessageWatch) this.#counter.encoding = list.get('grpc-encoding') ?? '';
  }

  /** Whether the source has ended, even if some of its data still waits. */
  get isComplete(): boolean {
    return this.isEnded || this.#backlog?.ends === true;
  }

  /** Bytes that wait for room on the target. */
  get pendingBytes(): number {
    return this.#backlog === undefined ? 0 : this.#backlog.data.size;
  }

  /** The bytes that wait for room on the target. They are valid until the relay is used again. */
  get pending(): readonly Buffer[] {
    return this.#backlog === undefined ? [] : this.#backlog.data.pieces;
  }

  /** Sets the stream that is credited for bytes the target takes. Undefined if the proxy itself makes the bytes. */
  setSource(stream: CallStream | undefined): void {
    this.#source = stream;
  }

  /** From now on, what is sent to a target goes through what `between` makes for it. Call it before the first byte. */
  passThrough(between: (target: CallStream) => CallStream): void {
    this.#between = between;
    if (this.#target !== undefined) this.#target = between(this.#target);
  }

  /** Sets the stream to send to, and sends pending bytes as far as there is room. */
  setTarget(stream: CallStream, recorder?: SentRecorder): void {
    this.#target = this.#between === undefined ? stream : this.#between(stream);
    this.#recorder = recorder;
    this.resume();
  }

  /** The source ended with its header section: there is no DATA. */
  end(): void {
    this.#hold().ends = true;
  }

  /**
   * If only END_STREAM is left to send, the header section that is about to be sent can carry it.
   * @returns whether the header section must carry END_STREAM
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

  /** The target is gone. Data is held for the next target. */
  clearTarget(): void {
    this.#target = undefined;
    this.#recorder = undefined;
  }

  /** Puts bytes that a lost target had taken in front of the pending bytes. They are not credited a second time. */
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
    this.#gate?.replayed(backlog.creditedBytes);
    backlog.ends = wasEnded || waiting?.ends === true;
    backlog.trailers = waiting?.trailers;
    this.#backlog = backlog;
    this.#gate?.passedOn(backlog.data.size > 0);
    this.isEnded = false;
  }

  /** In place of all else: sends these bytes and ends. @param bytes are not copied, and must not change */
  send(bytes: Buffer): void {
    const backlog = this.#hold();
    backlog.data.adopt(bytes);
    backlog.ends = true;
  }

  forward(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const size = end - start;
    this.bytes += size;
    this.stamp = turnStamp();
    if (this.#counter !== undefined) this.#counter.consume(bytes, start, end);
    if (this.#gate !== undefined) {
      this.#forwardLimited(this.#gate, bytes, start, end, endStream);
      return;
    }
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

  #forwardLimited(gate: FlowGate, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    let at = start;
    if (this.#target !== undefined && this.#backlog === undefined) {
      const taken = this.#sendAllowed(gate, this.#target, bytes, start, end, endStream);
      if (taken > 0) this.#source?.credit(taken);
      at += taken;
      if (at === end && !gate.isRefusing) {
        gate.passedOn(false);
        this.isEnded = endStream;
        return;
      }
    }
    const backlog = this.#hold();
    backlog.data.append(bytes, at, end);
    if (endStream) backlog.ends = true;
    if (gate.isRefusing) this.#refuse(gate);
    else gate.passedOn(backlog.data.size > 0);
  }

  /** Sends as much as the gate lets pass and the target takes. @returns how many bytes the target took */
  #sendAllowed(
    gate: FlowGate,
    target: CallStream,
    bytes: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): number {
    for (let at = start; ; ) {
      const { roomBytes } = target;
      // It takes none of these bytes. But it calls onWritable() only after it was offered some that it had no room for.
      if (roomBytes === 0 && at < end) return at - start + target.sendData(bytes, at, end, false);
      // What has no room is not counted yet.
      const until = at + gate.admit(bytes, at, end, roomBytes);
      if (until === at && at < end) return at - start;
      const taken = target.sendData(bytes, at, until, endStream && until === end);
      gate.sent(taken);
      if (this.#recorder !== undefined) this.#recorder.recordSent(bytes, at, at + taken);
      at += taken;
      if (at === end || taken < roomBytes) return at - start;
    }
  }

  /** The gate ends the call. What it has let pass is still sent, and nothing after that. */
  #refuse(gate: FlowGate): void {
    const backlog = this.#hold();
    backlog.data.truncate(gate.allowedBytes);
    backlog.ends = false;
    backlog.trailers = undefined;
    if (backlog.data.size === 0) this.#backlog = undefined;
    this.#gate = undefined;
    gate.refuse();
  }

  /** Sends the trailer section once all pending bytes are sent. */
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

  /** Drops all pending bytes, and a pending end or trailer section. */
  discard(): void {
    this.#backlog = undefined;
  }

  #hold(): Backlog {
    this.#backlog ??= new Backlog();
    return this.#backlog;
  }

  /** Call this when the target may have room again. */
  resume(): void {
    const target = this.#target;
    const backlog = this.#backlog;
    if (target === undefined || backlog === undefined) return;
    const endsWithData = backlog.ends && backlog.trailers === undefined;
    const hadData = backlog.data.size > 0;
    backlog.data.drain((bytes, start, end, isLast) =>
      this.#sendHeld(backlog, bytes, start, end, isLast && endsWithData),
    );
    if (this.#gate?.isRefusing === true) {
      this.#refuse(this.#gate);
      return;
    }
    this.#gate?.passedOn(backlog.data.size > 0);
    if (backlog.data.size > 0) return;
    this.#backlog = undefined;
    if (!backlog.ends) return;
    if (backlog.trailers !== undefined) target.sendHeaders(backlog.trailers, true);
    else if (!hadData) target.sendData(NOTHING, 0, 0, true);
    this.isEnded = true;
  }

  #sendHeld(backlog: Backlog, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const target = this.#target;
    if (target === undefined) return 0;
    const taken =
      this.#gate === undefined
        ? this.#send(target, bytes, start, end, endStream)
        : this.#sendAllowed(this.#gate, target, bytes, start, end, endStream);
    if (taken > 0) backlog.movedStamp = turnStamp();
    const credited = Math.min(taken, backlog.creditedBytes);
    backlog.creditedBytes -= credited;
    if (taken > credited) this.#source?.credit(taken - credited);
    return taken;
  }

  #send(target: CallStream, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const taken = target.sendData(bytes, start, end, endStream);
    if (this.#recorder !== undefined) this.#recorder.recordSent(bytes, start, start + taken);
    return taken;
  }
}

const NOTHING = Buffer.alloc(0);

/** What an exchange has carried so far. */
export function trafficOf(request: StreamRelay, response: StreamRelay): ExchangeTraffic {
  return {
    requestBytes: request.bytes,
    responseBytes: response.bytes,
    requestMessages: request.messages,
    responseMessages: response.messages,
  };
}
