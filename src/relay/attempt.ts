// One attempt of an exchange at one HTTP/2 endpoint: its stream on a connection, from HEADERS to the last frame.

import type { AttemptListener } from '../calls/attempt-listener.ts';
import type { AttemptEvent, AttemptNotes } from '../calls/call-trace.ts';
import type { AttemptOutcome } from '../calls/endpoint-counts.ts';
import type { Failure } from '../calls/failure.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../h2/stream.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import type { Holding } from '../upstreams/holding.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { UpstreamCall } from '../upstreams/http2/upstream-call.ts';
import type { UpstreamConnection } from '../upstreams/http2/upstream-connection.ts';
import type { ReplayBuffer } from './replay-buffer.ts';
import { ResponseHead } from './response-head.ts';
import type { SentRecorder } from './stream-relay.ts';

/** Requests up to this size can be sent again, unless the retry policy of the route keeps more. */
const REPLAY_LIMIT_BYTES = 8192;

export class Attempt implements StreamOwner, SentRecorder, UpstreamCall {
  readonly connection: UpstreamConnection;
  readonly stream: Stream;
  /** The holding of the client whose place the attempt takes. */
  holding: Holding;
  readonly endpoint: Http2Endpoint;
  readonly #listener: AttemptListener;
  readonly #replayBuffer: ReplayBuffer;
  readonly #replayLimitBytes: number;
  readonly #trace: AttemptNotes | undefined;
  /** Whether the client gets the response of this attempt. If so, the request is never sent again. */
  isCommitted = false;
  #isOver = false;
  /** Whether the endpoint has sent something that cannot be passed on. */
  hasFailed = false;
  /** In whole milliseconds, since V8 would store a number with a fraction as a separate object on the heap. */
  readonly sentAtMs: number;
  #replayMark = 0;
  #replayBytes = 0;

  constructor(
    endpoint: Http2Endpoint,
    connection: UpstreamConnection,
    listener: AttemptListener,
    replayBuffer: ReplayBuffer,
    holding: Holding,
    replayLimitBytes = REPLAY_LIMIT_BYTES,
  ) {
    this.connection = connection;
    this.#replayLimitBytes = replayLimitBytes;
    this.holding = holding;
    holding.take();
    this.endpoint = endpoint;
    this.sentAtMs = Math.floor(turnNowMs());
    this.#replayBuffer = replayBuffer;
    this.#listener = listener;
    this.#trace = listener.trace?.beginAttempt(endpoint.address.text, turnNowMs());
    this.stream = connection.openStream(this);
  }

  /** Keeps what was sent, in case the upstream turns out not to have processed it. */
  recordSent(bytes: Buffer, start: number, end: number): void {
    if (this.isCommitted || this.#replayBytes === -1 || start === end) return;
    this.#replayBytes += end - start;
    if (this.#replayBytes > this.#replayLimitBytes) this.forgetReplay();
    else this.#replayMark = this.#replayBuffer.append(this.#replayMark, bytes, start, end);
  }

  /** From now on the request cannot be sent again. */
  forgetReplay(): void {
    this.#replayBytes = -1;
  }

  /** Whether all that was sent so far was small enough to be kept. It may still have been overwritten since. */
  get isReplayable(): boolean {
    return this.#replayBytes !== -1;
  }

  /** @returns what was sent so far, or undefined if it was not kept */
  replay(): Buffer[] | undefined {
    return this.#replayBytes === -1 ? undefined : this.#replayBuffer.read(this.#replayMark);
  }

  get movedBytes(): number {
    const { requestBytes, responseBytes } = this.#listener.traffic;
    return requestBytes + responseBytes;
  }

  get method(): string {
    return this.#listener.subject.method;
  }

  /** How long ago a keepalive asked the endpoint, which owes the answer, in milliseconds. Undefined if it owes none. For reports only. */
  get unansweredMs(): number | undefined {
    return this.connection.isInDoubt ? this.connection.doubt?.askedMs : undefined;
  }

  /** Always false, since many calls share the connection. */
  get isWaitingForClient(): boolean {
    return false;
  }

  giveWay(failure: Failure): void {
    if (this.#isOver) return;
    try {
      this.#listener.abort(failure);
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  /** Releases the stream, and resets it with `code` if it is not over. May be called twice. */
  release(code: number): void {
    if (this.hasFailed) this.#fail(code, 'a response that cannot be passed on');
    else this.#end(code, code === ErrorCode.NO_ERROR ? 'answered' : 'given_up');
  }

  /** Another attempt of the call has won. That says nothing about the endpoint of this one. */
  lose(): void {
    this.#end(ErrorCode.CANCEL, 'lost');
  }

  /** @param how for outlier detection; see EndpointOutcomes.failed */
  #fail(code: number, how: string): void {
    if (this.#isOver) return;
    const { outcomes } = this.endpoint;
    const { holding } = this;
    this.#end(code, 'failed');
    try {
      outcomes?.failed(how, holding);
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  /** Tells outlier detection how a whole response ended. @param list has the status. Undefined when none has come */
  #judge(list: HeaderList | undefined): void {
    const { outcomes } = this.endpoint;
    if (outcomes === undefined || this.hasFailed) return;
    outcomes.answered(list === undefined ? '' : ResponseHead.of(list).grpcStatus, this.holding, list);
  }

  /** Before the listener hears of it, which may end the call. */
  #noteStatus(list: HeaderList): void {
    if (this.#trace !== undefined) this.#trace.grpcStatus = ResponseHead.of(list).grpcStatus;
  }

  /** Notes in the trace why the attempt is about to end. */
  #note(name: AttemptEvent['name'], detail: string): void {
    if (this.#trace !== undefined && !this.#isOver) this.#trace.event = { name, detail };
  }

  #end(code: number, outcome: AttemptOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.endpoint.counts.attemptEnded(outcome);
    this.#trace?.end(outcome, turnNowMs());
    this.connection.endStream(this.stream, code, this.holding, outcome === 'lost');
  }

  // The connection carries the calls of many clients. An internal error within this call must not end it, so each event catches it.

  onResponse(list: HeaderList, endStream: boolean): void {
    this.connection.noteResponse(this.stream);
    if (this.#isOver) return;
    try {
      if (endStream) this.#noteStatus(list);
      this.#listener.receiveResponse(list, endStream);
      if (endStream) this.#judge(list);
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#isOver) return;
    try {
      this.#listener.receiveResponseData(bytes, start, end, endStream);
      if (endStream) this.#judge(undefined);
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  onTrailers(list: HeaderList): void {
    if (this.#isOver) return;
    try {
      this.#noteStatus(list);
      this.#listener.receiveResponseTrailers(list);
      this.#judge(list);
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  onWritable(): void {
    if (this.#isOver) return;
    try {
      this.#listener.requestWritable();
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  onReset(code: number, violation: string | undefined): void {
    if (this.#isOver) return;
    this.connection.noteReset(code, violation, this.holding);
    this.#note('reset', violation ?? errorCodeName(code));
    // A refused stream was not processed, as after GOAWAY, which services send when they are restarted in order.
    if (code === ErrorCode.REFUSED_STREAM) this.#end(ErrorCode.CANCEL, 'failed');
    else this.#fail(ErrorCode.CANCEL, 'a reset');
    try {
      this.#listener.attemptReset(code, violation);
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  onRefused(): void {
    // After an error, nghttp2 may still process requests that it reads between creating its GOAWAY and sending it.
    this.#note('goaway', '');
    if (this.connection.hasGoneWrong) this.onConnectionLost('the endpoint gave the connection up');
    else this.neverSent();
  }

  /** No service has processed the request. */
  neverSent(): void {
    if (this.#isOver) return;
    this.#end(ErrorCode.CANCEL, 'failed');
    try {
      this.#listener.attemptRefused();
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  onConnectionLost(reason: string): void {
    if (this.#isOver) return;
    this.#note('connection_lost', reason);
    this.#fail(ErrorCode.CANCEL, 'a lost connection');
    try {
      if (this.#listener.attemptLost(this.connection.whyLost(reason))) this.connection.repeatedStreams++;
    } catch (error) {
      this.#listener.fault(error);
    }
  }
}
