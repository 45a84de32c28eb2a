// One request with its response, from the client's HEADERS to the record in the log. The methods are in the order of
// docs/life-of-an-exchange.md: start, begin an attempt, relay both ways, decide the outcome, finish.

import type { AttemptListener } from '../calls/attempt-listener.ts';
import type { CallStream } from '../calls/call-stream.ts';
import type { ClientCall } from '../calls/client-call.ts';
import type { ExchangeRecord, ExchangeTraffic } from '../calls/exchange-record.ts';
import {
  connectionLost,
  deadlineExceeded,
  FAULT,
  type Failure,
  memoryPressure,
  noGrpcStatus,
  reasonOf,
  unavailable,
} from '../calls/failure.ts';
import type { LocalResponse } from '../calls/local-response.ts';
import { REFUSED, UNANSWERED, UNPROCESSED, UNREACHABLE } from '../calls/retry-policy.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { grpcStatusOfReset } from '../grpc/reset-mapping.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { epochMsOf, turnNowMs } from '../transport/turn-clock.ts';
import { Admission, type AdmissionOwner } from './admission.ts';
import { AttemptSeries, type Call } from './attempt-series.ts';
import { ClientResponse } from './client-response.ts';
import { Deadline, GRACE_MS } from './deadline.ts';
import { Outcome } from './outcome.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import { ResponseHead } from './response-head.ts';
import { failureOfReset } from './response-rules.ts';
import { StreamRelay, trafficOf } from './stream-relay.ts';

export class Exchange implements ClientCall, AttemptListener, AdmissionOwner, Call {
  readonly subject: RequestHead;
  readonly #context: RelayContext;
  readonly home: ExchangeHome;
  readonly #stream: CallStream;
  readonly #request: StreamRelay;
  readonly response: StreamRelay;
  readonly #answer: ClientResponse;
  readonly #attempts: AttemptSeries;
  /** Undefined, since an exchange is not a translator. */
  readonly translated = undefined;
  #admission: Admission | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #isFinished = false;
  readonly #startedAtMs = turnNowMs();
  #decided: Outcome | undefined = undefined;
  readonly requestId: string | number;

  constructor(context: RelayContext, home: ExchangeHome, stream: CallStream, head: RequestHead) {
    this.subject = head;
    this.#context = context;
    this.home = home;
    this.#stream = stream;
    this.#request = new StreamRelay(head.isGrpc);
    this.response = new StreamRelay(head.isGrpc);
    this.#answer = new ClientResponse(stream, head, home, this.response);
    this.requestId = head.requestId ?? context.requestIds.next();
    this.#attempts = new AttemptSeries(context, this, this.#request, this.response);
  }

  /** The header fields that policies have added to the request of this call. */
  get addedFields(): HeaderList | undefined {
    return this.#admission?.added;
  }

  /** Created when there is something to decide, since an idle stream needs no outcome. */
  get #outcome(): Outcome {
    this.#decided ??= new Outcome(this.subject.isGrpc);
    return this.#decided;
  }

  get durationMs(): number {
    return turnNowMs() - this.#startedAtMs;
  }

  peerDeadlineMs(): number | undefined {
    return this.subject.timeoutMs;
  }

  get traffic(): ExchangeTraffic {
    return trafficOf(this.#request, this.response);
  }

  start(endStream: boolean): void {
    const { decision, plan, timeoutMs } = this.subject;
    this.#request.setSource(this.#stream);
    this.response.setTarget(this.#stream);
    if (endStream) this.#request.end();
    if (decision.kind === 'refuse') {
      this.fail(decision.failure);
      return;
    }
    if (decision.kind === 'answer') {
      this.answer(decision.response, decision.reason);
      return;
    }
    if (this.#context.terms.isRefusingCalls) {
      this.fail(memoryPressure());
      return;
    }
    if (timeoutMs !== undefined)
      this.#deadline = new Deadline(this.#context.deadlines, this, timeoutMs + GRACE_MS);
    if (!plan.admits) {
      this.admitted();
      return;
    }
    this.#admission = new Admission(this, this.#context.deadlines);
    this.#admission.begin();
  }

  admitted(): void {
    this.#context.observers.started(this);
    this.#attempts.begin();
  }

  /** Answers the call instead of forwarding it. Called by `start` or in place of it. */
  answer(response: LocalResponse, reason: string): void {
    this.response.setTarget(this.#stream);
    this.#outcome.decide('framegate', '', reason);
    this.#answer.respond(response);
    this.#settle();
  }

  /** In place of `start`: refuses the call with a status of the proxy. */
  refuse(cause: Failure): void {
    this.response.setTarget(this.#stream);
    this.fail(cause);
  }

  /** In place of `start`: records a call that gets no response, since its connection is closed. */
  drop(reason: string): void {
    this.#outcome.decide('framegate', '', reason);
    this.#finish(ErrorCode.CANCEL);
  }

  unavailable(diagnosis: Diagnosis): void {
    this.fail(unavailable(diagnosis));
  }

  // A client's stream has no such events, since towards a client the proxy is the server.
  onResponse(): void {}
  onRefused(): void {}

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#request.forward(bytes, start, end, endStream);
  }

  onTrailers(list: HeaderList): void {
    this.#attempts.sendTrailers(this.subject.kind.edits.applyToTrailers(list));
  }

  onWritable(): void {
    this.response.resume();
    this.#settle();
  }

  onReset(code: number, violation: string | undefined): void {
    if (violation === undefined) {
      this.#outcome.decide('downstream', 'CANCELLED', `The client reset the call (${errorCodeName(code)}).`);
    } else {
      const reason = `${violation}: The client broke a rule of HTTP/2 on this stream.`;
      this.#outcome.decide('framegate', 'INTERNAL', reason);
    }
    this.#finish(ErrorCode.CANCEL);
  }

  onConnectionLost(reason: string): void {
    this.#outcome.decide('downstream', 'CANCELLED', `The client's connection is gone: ${reason}.`);
    this.#finish(ErrorCode.CANCEL);
  }

  receiveResponse(list: HeaderList, endStream: boolean): void {
    const received = ResponseHead.of(list);
    if (received.httpStatus < 200) {
      this.#attempts.commit();
      this.#answer.passInterim(received);
      return;
    }
    if (this.#attempts.triesAgainAfter(received, endStream)) return;
    this.home.responseBegan();
    this.#attempts.responded();
    const head = this.#answer.fit(received, endStream, this.#attempts.endpoint);
    if (!(head instanceof ResponseHead)) {
      this.#failBy(head);
      return;
    }
    if (endStream) this.#outcome.decide('upstream', head.grpcStatus, '');
    this.#answer.passHead(head, endStream);
    if (endStream) this.#settle();
  }

  receiveResponseData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (!endStream) {
      this.response.forward(bytes, start, end, false);
      return;
    }
    if (this.subject.isGrpc) {
      // A gRPC response ends with its status. An end without a status becomes an error, so that it never looks like success.
      this.response.forward(bytes, start, end, false);
      this.#failBy(noGrpcStatus(this.#attempts.endpoint, 'ended its response without trailers'));
      return;
    }
    this.#outcome.decide('upstream', '', '');
    this.response.forward(bytes, start, end, true);
    this.#settle();
  }

  receiveResponseTrailers(list: HeaderList): void {
    const trailers = ResponseHead.of(list);
    const unfit = this.#answer.whyTrailersUnfit(trailers, this.#attempts.endpoint);
    if (unfit !== undefined) {
      this.#failBy(unfit);
      return;
    }
    this.#outcome.decide('upstream', trailers.grpcStatus, '');
    this.#answer.passTrailers(trailers);
    this.#settle();
  }

  requestWritable(): void {
    this.#request.resume();
  }

  attemptReset(code: number, violation: string | undefined): void {
    // A complete response counts, however its stream ended afterwards. It may still wait for the client to take it.
    if (this.response.isComplete) return;
    if (code === ErrorCode.REFUSED_STREAM && violation === undefined && this.#attempts.tryAgain(REFUSED))
      return;
    const { endpoint } = this.#attempts;
    const unanswered = this.#answer.hasBegun ? undefined : this.subject;
    const cause = failureOfReset(code, violation, endpoint, unanswered);
    if (cause !== undefined) {
      this.fail(cause);
      return;
    }
    // The reset is passed on with its code, which gRPC clients map to a status. NO_ERROR would look like a normal end.
    const status = grpcStatusName(grpcStatusOfReset(code));
    const reason = `${endpoint} reset the call (${errorCodeName(code)}).`;
    this.#outcome.decide('upstream', status, reason);
    this.#stream.reset(code === ErrorCode.NO_ERROR ? ErrorCode.INTERNAL_ERROR : code);
    this.#finish(ErrorCode.CANCEL);
  }

  attemptRefused(): void {
    if (this.response.isComplete || this.#attempts.tryAgain(UNPROCESSED)) return;
    // REFUSED_STREAM tells the client that no service has processed the request, so that the client may repeat it.
    const reason = `${this.#attempts.endpoint} is going away and did not process the call.`;
    this.#outcome.decide('upstream', 'UNAVAILABLE', reason);
    this.#stream.reset(ErrorCode.REFUSED_STREAM);
    this.#finish(ErrorCode.CANCEL);
  }

  attemptLost(reason: string): void {
    if (this.response.isComplete) return;
    this.fail(connectionLost(this.#attempts.endpoint, reason));
  }

  attemptUnreachable(cause: Failure): void {
    if (!this.#attempts.tryAgain(UNREACHABLE)) this.fail(cause);
  }

  attemptUnanswered(cause: Failure): void {
    if (!this.#attempts.tryAgain(UNANSWERED)) this.fail(cause);
  }

  deadlinePassed(): void {
    // A complete response counts, even if the client has not taken all of it yet.
    if (!this.response.isComplete) this.abort(deadlineExceeded(this.subject.timeoutMs));
  }

  /**
   * An internal error within this call, in an event other than those of its client. It ends this call and not the connection to
   * the endpoint, which carries the calls of other clients. Never throws.
   */
  fault(error: unknown): void {
    this.#context.onFault(error);
    try {
      this.abort(FAULT);
    } catch (second) {
      this.#context.onFault(second);
      this.breakOff();
    }
  }

  /** Ends the call after an error in its own clean-up. Each step runs even if another one fails. Never throws. */
  breakOff(): void {
    this.#outcome.overrule('framegate', grpcStatusName(FAULT.grpcStatus), reasonOf(FAULT));
    for (const action of [
      () => this.#stream.reset(ErrorCode.INTERNAL_ERROR),
      () => this.#finish(ErrorCode.CANCEL),
    ]) {
      try {
        action();
      } catch (error) {
        this.#context.onFault(error);
      }
    }
  }

  /** Ends the exchange at once with a status of the proxy. Data that the client has not taken is dropped. */
  abort(cause: Failure): void {
    if (this.#isFinished) return;
    this.#outcome.overrule('framegate', grpcStatusName(cause.grpcStatus), reasonOf(cause));
    this.response.discard();
    this.fail(cause);
  }

  /** Ends the exchange because of what its endpoint has sent. The endpoint is not to blame for what the client asked or accepts. */
  #failBy(cause: Failure): void {
    if (cause.source === 'endpoint') this.#attempts.blame();
    this.fail(cause);
  }

  /** Ends the exchange with a status of the proxy. A gRPC client still gets the data that already waits for it. */
  fail(cause: Failure): void {
    if (this.#isFinished) return;
    this.#outcome.decide('framegate', grpcStatusName(cause.grpcStatus), reasonOf(cause));
    this.#admission?.cancel();
    this.#attempts.end(ErrorCode.CANCEL);
    this.response.setSource(undefined);
    if (this.#answer.endWith(cause)) {
      this.#settle();
      return;
    }
    this.#stream.reset(ErrorCode.INTERNAL_ERROR);
    this.#finish(ErrorCode.CANCEL);
  }

  /** Finishes once the last byte of the response was sent. The upstream's stream is released earlier, if the client is slow. */
  #settle(): void {
    if (this.response.isComplete) this.#attempts.end(ErrorCode.NO_ERROR);
    if (!this.response.isEnded || this.#isFinished) return;
    // A client that is still sending may stop, since the response is complete (RFC 9113 section 8.1).
    this.#stream.reset(ErrorCode.NO_ERROR);
    this.#finish(ErrorCode.NO_ERROR);
  }

  /** Releases everything and tells the observers. Has an effect only once, whatever ended the exchange. */
  #finish(upstreamCode: number): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#deadline?.clear();
    this.#admission?.cancel();
    this.#attempts.end(upstreamCode);
    try {
      this.#context.observers.finished(this.#record());
    } catch (error) {
      // An error in the record must not keep the connection from learning that the call is over.
      this.#context.onFault(error);
    }
    this.home.exchangeFinished();
  }

  #record(): ExchangeRecord {
    return {
      subject: this.subject,
      endpoint: this.#attempts.endpoint,
      grpcStatus: this.#outcome.grpcStatus,
      httpStatus: this.#answer.httpStatus,
      startedAtEpochMs: epochMsOf(this.#startedAtMs),
      durationMs: this.durationMs,
      requestBytes: this.#request.bytes,
      responseBytes: this.response.bytes,
      requestMessages: this.#request.messages,
      responseMessages: this.response.messages,
      attempts: this.#attempts.count,
      endedBy: this.#outcome.endedBy,
      reason: this.#outcome.reason,
      requestId: this.requestId,
    };
  }
}
