// One request with its response, from the client's HEADERS to the record in the log. See docs/life-of-an-exchange.md:
// the methods follow its order: start, begin an attempt, relay both ways, decide the outcome, finish.

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
import { type LocalResponse, localResponse, localTrailers } from '../calls/local-response.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { grpcStatusOfReset } from '../grpc/reset-mapping.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { epochMsOf, turnNowMs } from '../transport/turn-clock.ts';
import { Admission, type AdmissionOwner } from './admission.ts';
import { AttemptSeries, type Call } from './attempt-series.ts';
import { Deadline, GRACE_MS } from './deadline.ts';
import type { HeaderEdits } from './header-edits.ts';
import { Outcome } from './outcome.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import { hasRoomForDate, withDate } from './response-date.ts';
import { ResponseHead } from './response-head.ts';
import { failureOfReset, whyNotPassedOn, whyTooLarge, whyTrailersNotPassedOn } from './response-rules.ts';
import { StreamRelay, trafficOf } from './stream-relay.ts';

export class Exchange implements ClientCall, AttemptListener, AdmissionOwner, Call {
  readonly subject: RequestHead;
  readonly #context: RelayContext;
  readonly home: ExchangeHome;
  readonly #stream: CallStream;
  readonly #request: StreamRelay;
  readonly response: StreamRelay;
  readonly #attempts: AttemptSeries;
  /** Nothing is behind an exchange: it is the call itself. */
  readonly translated = undefined;
  #admission: Admission | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #isFinished = false;
  readonly #startedAtMs = turnNowMs();
  #decided: Outcome | undefined = undefined;
  /** Sent to the client; 0 until a response has begun. */
  #httpStatus = 0;
  /** How policies have edited the head of the response. */
  #edits: HeaderEdits | undefined = undefined;
  readonly requestId: string | number;

  constructor(context: RelayContext, home: ExchangeHome, stream: CallStream, head: RequestHead) {
    this.subject = head;
    this.#context = context;
    this.home = home;
    this.#stream = stream;
    this.#request = new StreamRelay(head.isGrpc);
    this.response = new StreamRelay(head.isGrpc);
    this.requestId = head.requestId ?? context.requestIds.next();
    this.#attempts = new AttemptSeries(context, this, this.#request, this.response);
  }

  /** What policies have added to the request of this call. */
  get addedFields(): HeaderList | undefined {
    return this.#admission?.added;
  }

  /** Made when there is something to decide: an idle stream needs none. */
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

  /** In place of `start`, for a call that is not made: what its client is told. */
  answer(response: LocalResponse, reason: string): void {
    this.response.setTarget(this.#stream);
    this.#outcome.decide('framegate', '', reason);
    this.#respond(response);
  }

  /** The same with a status of the proxy's own. */
  refuse(cause: Failure): void {
    this.response.setTarget(this.#stream);
    this.fail(cause);
  }

  /** The same, where the client is told nothing: its connection is closed. */
  drop(reason: string): void {
    this.#outcome.decide('framegate', '', reason);
    this.#finish(ErrorCode.CANCEL);
  }

  unavailable(diagnosis: Diagnosis): void {
    this.fail(unavailable(diagnosis));
  }

  // Towards a client we are the server: nothing of this comes from there.
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
      if (this.subject.takesInterim(received.httpStatus)) this.#stream.sendHeaders(received.fields, false);
      return;
    }
    if (this.#attempts.triesAgainAfter(received, endStream)) return;
    this.home.responseBegan();
    this.#attempts.responded();
    const { endpoint } = this.#attempts;
    const { isGrpc, plan } = this.subject;
    // That a service of gRPC does not serve other requests is no failure of it, nor how much its client accepts.
    if (this.#failsBy(whyNotPassedOn(received, endStream, this.subject, endpoint), isGrpc)) return;
    const head = plan.responds ? received.editedBy(plan) : received;
    const unfit = head === undefined ? FAULT : whyTooLarge(head, endpoint, this.home);
    if (this.#failsBy(unfit, false) || head === undefined) return;
    this.#httpStatus = head.httpStatus;
    this.#edits = head.edits;
    if (endStream) {
      this.#outcome.decide('upstream', head.grpcStatus, '');
      this.response.isEnded = true;
    }
    const needsDate = head.lacksDate && !isGrpc && hasRoomForDate(head.fields, this.home);
    this.#stream.sendHeaders(needsDate ? head.datedFields : head.fields, endStream);
    if (endStream) this.#settle();
  }

  receiveResponseData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (!endStream) {
      this.response.forward(bytes, start, end, false);
      return;
    }
    if (this.subject.isGrpc) {
      // The end of a gRPC response is its status: an end without one is made into an error, never into silence.
      this.response.forward(bytes, start, end, false);
      this.#failsBy(noGrpcStatus(this.#attempts.endpoint, 'ended its response without trailers'));
      return;
    }
    this.#outcome.decide('upstream', '', '');
    this.response.forward(bytes, start, end, true);
    this.#settle();
  }

  receiveResponseTrailers(list: HeaderList): void {
    const head = ResponseHead.of(list);
    const { endpoint } = this.#attempts;
    if (this.#failsBy(whyTrailersNotPassedOn(head, this.subject.isGrpc, endpoint))) return;
    if (this.#failsBy(whyTooLarge(head, endpoint, this.home), false)) return;
    this.#outcome.decide('upstream', head.grpcStatus, '');
    this.response.forwardTrailers(this.#edits?.applyToTrailers(head.fields) ?? head.fields);
    this.#settle();
  }

  requestWritable(): void {
    this.#request.resume();
  }

  attemptReset(code: number, violation: string | undefined): void {
    // A whole response counts, however its stream ended after that; it may only be waiting for the client.
    if (this.response.isComplete) return;
    if (
      code === ErrorCode.REFUSED_STREAM &&
      violation === undefined &&
      this.#attempts.tryAgain({ kind: 'refused' })
    )
      return;
    const { endpoint } = this.#attempts;
    const unanswered = this.#httpStatus === 0 ? this.subject : undefined;
    if (this.#failsBy(failureOfReset(code, violation, endpoint, unanswered))) return;
    // Passed on with its code, which gRPC clients map to a status; NO_ERROR would look like an ordinary end.
    const status = grpcStatusName(grpcStatusOfReset(code));
    const reason = `${endpoint} reset the call (${errorCodeName(code)}).`;
    this.#outcome.decide('upstream', status, reason);
    this.#stream.reset(code === ErrorCode.NO_ERROR ? ErrorCode.INTERNAL_ERROR : code);
    this.#finish(ErrorCode.CANCEL);
  }

  attemptRefused(): void {
    if (this.response.isComplete || this.#attempts.tryAgain({ kind: 'refused' })) return;
    // The client may repeat it, since nobody has processed it: REFUSED_STREAM says so.
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
    if (!this.#attempts.tryAgain({ kind: 'unreachable' })) this.fail(cause);
  }

  attemptUnanswered(cause: Failure): void {
    if (!this.#attempts.tryAgain({ kind: 'unanswered' })) this.fail(cause);
  }

  deadlinePassed(): void {
    // A whole response counts, though the client has not taken all of it yet.
    if (!this.response.isComplete) this.abort(deadlineExceeded(this.subject.timeoutMs));
  }

  /**
   * A fault of ours within this call, met in an event that is not its client's: it ends this call, and not the connection to
   * the endpoint, which carries those of others. Never throws.
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

  /** What failed once may fail again: each thing is given back by itself. */
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

  /** Ends the exchange with a status of the proxy's own now: the client does not get what it has not taken. */
  abort(cause: Failure): void {
    if (this.#isFinished) return;
    this.#outcome.overrule('framegate', grpcStatusName(cause.grpcStatus), reasonOf(cause));
    this.response.discard();
    this.fail(cause);
  }

  /** @param isOfEndpoint whether the cause, if there is one, is the endpoint's failure. @returns whether there was a cause */
  #failsBy(cause: Failure | undefined, isOfEndpoint = true): boolean {
    if (cause === undefined) return false;
    if (isOfEndpoint) this.#attempts.blame();
    this.fail(cause);
    return true;
  }

  /** Ends the exchange with a status of the proxy's own. */
  fail(cause: Failure): void {
    if (this.#isFinished) return;
    this.#outcome.decide('framegate', grpcStatusName(cause.grpcStatus), reasonOf(cause));
    this.#admission?.cancel();
    this.#attempts.end(ErrorCode.CANCEL);
    this.response.setSource(undefined);
    if (this.#httpStatus === 0) {
      this.#respond(localResponse(cause, this.subject));
    } else if (this.subject.isGrpc) {
      this.response.forwardTrailers(localTrailers(cause));
      this.#settle();
    } else {
      this.#stream.reset(ErrorCode.INTERNAL_ERROR);
      this.#finish(ErrorCode.CANCEL);
    }
  }

  #respond({ httpStatus, fields, body }: LocalResponse): void {
    const { isGrpc, plan } = this.subject;
    this.#httpStatus = httpStatus;
    const edited = plan.responds ? (plan.respond(fields)?.applyTo(fields) ?? fields) : fields;
    this.#stream.sendHeaders(isGrpc ? edited : withDate(edited), body === undefined);
    if (body === undefined) this.response.isEnded = true;
    else this.response.forward(body, 0, body.length, true);
    this.#settle();
  }

  /** Finishes once the last byte of the response was handed over. A slow client does not keep the upstream's stream. */
  #settle(): void {
    if (this.response.isComplete) this.#attempts.end(ErrorCode.NO_ERROR);
    if (!this.response.isEnded || this.#isFinished) return;
    // A client still sending need not go on: the response is complete (RFC 9113 section 8.1).
    this.#stream.reset(ErrorCode.NO_ERROR);
    this.#finish(ErrorCode.NO_ERROR);
  }

  /** Once, whatever led here: gives everything back and tells the observers. */
  #finish(upstreamCode: number): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#deadline?.clear();
    this.#admission?.cancel();
    this.#attempts.end(upstreamCode);
    try {
      this.#context.observers.finished(this.#record());
    } catch (error) {
      // A fault in the record must not keep the connection from knowing that the call is over.
      this.#context.onFault(error);
    }
    this.home.exchangeFinished();
  }

  #record(): ExchangeRecord {
    return {
      subject: this.subject,
      endpoint: this.#attempts.endpoint,
      grpcStatus: this.#outcome.grpcStatus,
      httpStatus: this.#stream.sentStatus ?? this.#httpStatus,
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
