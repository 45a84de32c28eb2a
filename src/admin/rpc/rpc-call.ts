// One call of the gRPC services of the admin server: reads its one request, within a time and a size, and sends what the method answers, as
// fast as the client takes it.

import { framed, MessageReader } from '../../grpc/message-reader.ts';
import { encodeGrpcMessage } from '../../grpc/percent-encoding.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { ErrorCode } from '../../h2/error-codes.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../h2/stream.ts';
import { type OpenCall, type OpenCallEvents, RpcError } from './rpc-method.ts';

/** The requests have one or two fields. */
const MOST_REQUEST_BYTES = 1024;
/** For the request, and again for the response to a call with one response, until the client has taken it. */
const STEP_WITHIN_MS = 10_000;
/** For each response of a stream of responses, until the client has taken it. */
const UNREAD_WITHIN_MS = 60_000;
const LONGEST_TIMER_MS = 2_147_483_647;
const MOST_STATUS_TEXT = 400;

export interface RpcCallParts {
  readonly stream: Stream;
  /** The deadline of the client, from now. Undefined if it has set none. */
  readonly deadlineMs: number | undefined;
  /** The request is complete. */
  readonly onRequest: (call: RpcCall, request: Buffer) => void;
  /** Called once. */
  readonly onOver: (call: RpcCall) => void;
  /** Runs the action of a timer, so that what it throws ends this connection only. */
  readonly contain: (action: () => void) => void;
  /** What waits for clients to take it, of all calls. */
  readonly held: HeldBytes;
}

/** Bounds the responses that wait in memory for clients that do not read. */
export class HeldBytes {
  readonly #most: number;
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** @returns whether there is room */
  take(count: number): boolean {
    if (this.#count + count > this.#most) return false;
    this.#count += count;
    return true;
  }

  give(count: number): void {
    this.#count -= count;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

export class RpcCall implements StreamOwner, OpenCall {
  readonly #stream: Stream;
  readonly #parts: RpcCallParts;
  readonly #reader = new MessageReader(MOST_REQUEST_BYTES);
  readonly #endsAtMs: number | undefined;
  #request: Buffer | undefined = undefined;
  #events: OpenCallEvents | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #step: 'reading' | 'answering' | 'ending' | 'over' = 'reading';
  #hasBegun = false;
  #held: Buffer = NOTHING;
  #trailers: HeaderList | undefined = undefined;

  constructor(parts: RpcCallParts) {
    this.#parts = parts;
    this.#stream = parts.stream;
    this.#endsAtMs = parts.deadlineMs === undefined ? undefined : performance.now() + parts.deadlineMs;
    this.#endWithin(STEP_WITHIN_MS);
  }

  get isOver(): boolean {
    return this.#step === 'over';
  }

  get isTaken(): boolean {
    return this.#held.length === 0;
  }

  /** The call has a stream of responses, which may last as long as the client likes and reads. */
  keepOpen(events: OpenCallEvents): void {
    // The method may have ended the call while it began.
    if (this.#step !== 'answering') {
      events.onOver();
      return;
    }
    this.#events = events;
    this.#endWithin(this.isTaken ? Number.POSITIVE_INFINITY : UNREAD_WITHIN_MS);
  }

  /** Sends the one response. */
  respond(message: Buffer): void {
    this.send(message);
    this.end(new RpcError(GrpcStatus.OK, ''));
  }

  send(message: Buffer): void {
    if (this.#step !== 'answering') return;
    if (!this.#hasBegun) this.#stream.sendHeaders(responseHead(), false);
    this.#hasBegun = true;
    const bytes = framed(message);
    const taken = this.#held.length > 0 ? 0 : this.#stream.sendData(bytes, 0, bytes.length, false);
    const rest = bytes.subarray(taken);
    if (rest.length === 0) return;
    if (!this.#parts.held.take(rest.length)) {
      this.#abandon();
      return;
    }
    if (this.#events !== undefined && this.isTaken) this.#endWithin(UNREAD_WITHIN_MS);
    this.#held = Buffer.concat([this.#held, rest]);
  }

  end({ status, message }: RpcError): void {
    if (this.#step === 'ending' || this.#step === 'over') return;
    this.#step = 'ending';
    const trailers = this.#hasBegun ? new HeaderList() : responseHead();
    trailers.add('grpc-status', String(status));
    if (message !== '') trailers.add('grpc-message', encodeGrpcMessage(message, MOST_STATUS_TEXT));
    this.#trailers = trailers;
    this.#finishIfTaken();
    // The client has yet to take what was sent before.
    if (!this.isOver) this.#endWithin(STEP_WITHIN_MS);
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#stream.credit(end - start);
    if (this.#step !== 'reading') return;
    const fault = this.#reader.read(bytes.subarray(start, end), (message) => {
      if (this.#request !== undefined) return 'a second message';
      this.#request = Buffer.from(message);
      return undefined;
    });
    if (fault !== undefined) this.end(new RpcError(GrpcStatus.INVALID_ARGUMENT, `the request has ${fault}`));
    else if (endStream) this.#requestEnded();
  }

  onTrailers(): void {
    if (this.#step === 'reading') this.#requestEnded();
  }

  #requestEnded(): void {
    if (this.#request === undefined) {
      this.end(new RpcError(GrpcStatus.INVALID_ARGUMENT, 'the request has no message'));
      return;
    }
    this.#step = 'answering';
    this.#endWithin(STEP_WITHIN_MS);
    this.#parts.onRequest(this, this.#request);
  }

  onWritable(): void {
    const held = this.#held;
    if (held.length > 0) {
      const taken = this.#stream.sendData(held, 0, held.length, false);
      this.#parts.held.give(taken);
      this.#held = held.subarray(taken);
      if (this.#held.length > 0) return;
    }
    this.#finishIfTaken();
    if (this.#step !== 'answering' || this.#events === undefined) return;
    this.#endWithin(Number.POSITIVE_INFINITY);
    this.#events.onTaken();
  }

  #finishIfTaken(): void {
    if (this.#trailers === undefined || this.#held.length > 0) return;
    this.#stream.sendHeaders(this.#trailers, true);
    // Ends the request, if the client is still sending it.
    this.#stream.reset(ErrorCode.NO_ERROR);
    this.#over();
  }

  onResponse(): void {
    // Only servers send responses.
  }

  onReset(): void {
    this.#over();
  }

  onRefused(): void {
    this.#over();
  }

  onConnectionLost(): void {
    this.#over();
  }

  /** @param stepMs how long this step may last, beside the deadline of the client */
  #endWithin(stepMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const leftMs =
      this.#endsAtMs === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(0, this.#endsAtMs - performance.now());
    const waitMs = Math.min(stepMs, leftMs);
    if (waitMs >= LONGEST_TIMER_MS) return;
    const isDeadline = leftMs <= stepMs;
    this.#timer = setTimeout(() => this.#parts.contain(() => this.#timedOut(isDeadline)), waitMs).unref();
  }

  #timedOut(isDeadline: boolean): void {
    const hasAnswered = this.#step === 'ending' || this.#held.length > 0;
    const text = this.#step === 'reading' ? 'the request did not come in time' : 'there is no answer in time';
    if (hasAnswered) this.#abandon();
    else this.end(new RpcError(GrpcStatus.DEADLINE_EXCEEDED, isDeadline ? 'the deadline has passed' : text));
  }

  /** The client does not take its response. */
  #abandon(): void {
    this.#stream.reset(ErrorCode.ENHANCE_YOUR_CALM);
    this.#over();
  }

  #over(): void {
    if (this.#step === 'over') return;
    this.#step = 'over';
    clearTimeout(this.#timer);
    this.#parts.held.give(this.#held.length);
    this.#held = NOTHING;
    this.#events?.onOver();
    this.#parts.onOver(this);
  }
}

function responseHead(): HeaderList {
  const head = new HeaderList();
  head.add(':status', '200');
  head.add('content-type', 'application/grpc');
  head.add('grpc-accept-encoding', 'identity');
  return head;
}
