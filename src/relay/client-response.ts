// The response of an exchange on its way to the client: head, data and end, whether the service or the proxy itself made it. The exchange
// is told when the response is complete, and when it cannot be passed on.

import type { CallStream } from '../calls/call-stream.ts';
import { FAULT, type Failure, noGrpcStatus } from '../calls/failure.ts';
import { type LocalResponse, localResponse, localTrailers } from '../calls/local-response.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { DeadlineWheel, LateTimed, Timed } from '../transport/deadline-wheel.ts';
import type { Attempts } from './attempts.ts';
import type { CallChanges } from './call-changes.ts';
import type { HeaderEdits } from './header-edits.ts';
import { HeldHead } from './held-head.ts';
import type { ExchangeHome } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import { hasRoomForDate, withDate } from './response-date.ts';
import { ResponseHead } from './response-head.ts';
import { whyNotPassedOn, whyTooLarge, whyTrailersNotPassedOn } from './response-rules.ts';
import type { StreamRelay } from './stream-relay.ts';

/** The exchange. */
export interface ResponseOwner {
  /** Since the call began. */
  readonly durationMs: number;
  readonly subject: RequestHead;
  readonly home: ExchangeHome;
  /** Passes on the data and the end of the response. */
  readonly response: StreamRelay;
  /** What policies change in this call alone. Undefined if none looks at it. */
  readonly changes: CallChanges | undefined;
  /** The last part of the service's response is about to be passed on. @param grpcStatus its name, or '' */
  responseEnds(grpcStatus: string): void;
  /** The last part was passed on, as far as the client has room for it. */
  responseEnded(): void;
  /** The attempt has sent something that cannot be passed on. */
  attemptFailed(cause: Failure): void;
  /** Receives what was thrown while a head was passed on that had been held back. Must not throw. */
  fault(error: unknown): void;
}

/** Two and a half days. */
const MOST_TENTHS = 2 ** 31 - 1;

export class ClientResponse implements LateTimed {
  readonly #owner: ResponseOwner;
  readonly #stream: CallStream;
  readonly #attempts: Attempts;
  readonly #deadlines: DeadlineWheel;
  /** The status that was sent to the client. 0 until a response has begun. */
  #httpStatus = 0;
  /** How policies have edited the head of the response. Its trailers must not restore the edited fields. */
  #edits: HeaderEdits | undefined = undefined;
  /** The head of a response of which the client knows nothing yet. */
  #held: ResponseHead | undefined = undefined;
  /** Whether no DATA has come yet that is not empty. As long as this is so, all DATA must come here. */
  awaitsData = true;
  /** When the first DATA came, in tenths of a millisecond from the beginning: a fraction would be an object. -1 before that. */
  #firstDataTenths = -1;
  /** Set when the head is still held back at the end of a turn. */
  #holdTimer: HeldHead | undefined = undefined;

  constructor(owner: ResponseOwner, stream: CallStream, attempts: Attempts, deadlines: DeadlineWheel) {
    this.#owner = owner;
    this.#stream = stream;
    this.#attempts = attempts;
    this.#deadlines = deadlines;
  }

  /** Whether the client was sent the head of a final response. */
  get hasBegun(): boolean {
    return this.#httpStatus !== 0;
  }

  /** HTTP status that the client was sent, or 0 if none was sent. */
  get httpStatus(): number {
    return this.#stream.sentStatus ?? this.#httpStatus;
  }

  /** Undefined if no byte of a response's content has come. */
  get firstMessageMs(): number | undefined {
    return this.#firstDataTenths < 0 ? undefined : this.#firstDataTenths / 10;
  }

  receiveHead(list: HeaderList, endStream: boolean): void {
    const received = ResponseHead.of(list);
    if (received.httpStatus < 200) {
      if (!this.#owner.subject.takesInterim(received.httpStatus)) return;
      this.#passInterim(received.fields);
      return;
    }
    this.#owner.home.responseBegan();
    this.#owner.response.noteHead(received.fields);
    this.#attempts.responded();
    if (endStream && this.#attempts.triesAgainAfter(received)) return;
    const head = this.#fit(received, endStream);
    if (!(head instanceof ResponseHead)) {
      this.#owner.attemptFailed(head);
      return;
    }
    const holdMs = endStream ? 0 : this.#attempts.holdMs;
    if (holdMs === 0) {
      this.#passHead(head, endStream);
      return;
    }
    this.#held = head;
    this.#deadlines.setAfterTurn(this, holdMs);
  }

  /** What the policies replace or remove in responses is not passed on by an interim one either. */
  #passInterim(fields: HeaderList): void {
    const { plan } = this.#owner.subject;
    const left = plan.responds ? plan.respond(fields)?.applyToTrailers(fields) : fields;
    if (left === undefined) return;
    this.#attempts.commit();
    this.#stream.sendHeaders(left, false);
  }

  /** @returns the head as the client is to get it, or why the client cannot get this response */
  #fit(received: ResponseHead, endStream: boolean): ResponseHead | Failure {
    const { subject, home } = this.#owner;
    const { endpoint } = this.#attempts;
    const cause = whyNotPassedOn(received, endStream, subject, endpoint);
    if (cause !== undefined) return cause;
    const edited = subject.plan.responds ? received.editedBy(subject.plan) : received;
    if (edited === undefined) return FAULT;
    const head = this.#owner.changes?.respond(edited) ?? edited;
    return whyTooLarge(head, endpoint, home) ?? head;
  }

  #passHead(head: ResponseHead, endStream: boolean): void {
    const { subject, home, response } = this.#owner;
    this.#attempts.commit();
    if (endStream) {
      this.#owner.responseEnds(head.grpcStatus);
      response.isEnded = true;
    }
    this.#httpStatus = head.httpStatus;
    this.#edits = head.edits;
    const needsDate = head.lacksDate && !subject.isGrpc && hasRoomForDate(head.fields, home);
    this.#stream.sendHeaders(needsDate ? head.datedFields : head.fields, endStream);
    if (endStream) this.#owner.responseEnded();
  }

  /** The client gets the head that was held back, and so the response of this attempt. */
  passHeldHead(): void {
    const head = this.#held;
    this.dropHeldHead();
    if (head !== undefined) this.#passHead(head, false);
  }

  /** Called when the turn is over in which the head came. */
  lateTimer(): Timed | undefined {
    if (this.#held === undefined) return undefined;
    this.#holdTimer ??= new HeldHead(this);
    return this.#holdTimer;
  }

  /** Called by HeldHead. */
  fault(error: unknown): void {
    this.#owner.fault(error);
  }

  /** The client does not get the head that was held back. May be called at any time. */
  dropHeldHead(): void {
    this.#held = undefined;
    if (this.#holdTimer === undefined) return;
    this.#deadlines.clear(this.#holdTimer);
    this.#holdTimer = undefined;
  }

  receiveData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.awaitsData && end > start) {
      this.awaitsData = false;
      this.#firstDataTenths = Math.min(Math.floor(this.#owner.durationMs * 10), MOST_TENTHS);
      this.passHeldHead();
    }
    const { subject, response } = this.#owner;
    if (!endStream) {
      response.forward(bytes, start, end, false);
      return;
    }
    if (subject.isGrpc) {
      // A gRPC response ends with its status. An end without a status becomes an error, so that it never looks like success.
      response.forward(bytes, start, end, false);
      this.#owner.attemptFailed(noGrpcStatus(this.#attempts.endpoint, 'ended its response without trailers'));
      return;
    }
    this.#owner.responseEnds('');
    response.forward(bytes, start, end, true);
    this.#owner.responseEnded();
  }

  receiveTrailers(list: HeaderList): void {
    const trailers = ResponseHead.of(list);
    const { subject, home, response } = this.#owner;
    const { endpoint } = this.#attempts;
    if (this.#held !== undefined && this.#attempts.triesAgainAfter(trailers)) {
      this.dropHeldHead();
      return;
    }
    const unfit =
      whyTrailersNotPassedOn(trailers, subject.isGrpc, endpoint) ?? whyTooLarge(trailers, endpoint, home);
    if (unfit !== undefined) {
      this.#owner.attemptFailed(unfit);
      return;
    }
    const fields = this.#trailerFields(trailers);
    if (fields === undefined) {
      this.#owner.attemptFailed(FAULT);
      return;
    }
    this.passHeldHead();
    this.#owner.responseEnds(trailers.grpcStatus);
    response.forwardTrailers(fields);
    this.#owner.responseEnded();
  }

  /**
   * What the edits of the head have replaced or removed does not come back, and then come the edits of the trailer section.
   * @returns undefined if a policy failed
   */
  #trailerFields(trailers: ResponseHead): HeaderList | undefined {
    const { plan } = this.#owner.subject;
    const ofHead = this.#edits ?? this.#held?.edits;
    const kept = ofHead?.applyToTrailers(trailers.fields) ?? trailers.fields;
    const rest = this.#owner.changes?.responseTrailers(kept) ?? kept;
    if (!plan.respondsTrailers) return rest;
    const edited = trailers.editedBy(plan);
    // The same list each time, so that the encoder keeps its block.
    if (rest === trailers.fields) return edited?.fields;
    return edited === undefined ? undefined : (edited.edits?.applyTo(rest) ?? rest);
  }

  /** Answers in place of the service. */
  respond({ httpStatus, fields, body }: LocalResponse): void {
    const { subject, response, changes } = this.#owner;
    const { isGrpc, plan } = subject;
    this.#httpStatus = httpStatus;
    // Limits are for what the service sends.
    response.unlimit();
    const ofKind = plan.responds ? (plan.respond(fields)?.applyTo(fields) ?? fields) : fields;
    const edited = changes?.response.applyTo(ofKind) ?? ofKind;
    const needsDate = !isGrpc && edited.get('date') === undefined;
    this.#stream.sendHeaders(needsDate ? withDate(edited) : edited, body === undefined);
    if (body === undefined) response.isEnded = true;
    else response.forward(body, 0, body.length, true);
  }

  /** Ends the response with a status of the proxy. @returns false if the response cannot carry one any more */
  endWith(cause: Failure): boolean {
    const { subject, response } = this.#owner;
    if (!this.hasBegun) this.respond(localResponse(cause, subject));
    else if (subject.isGrpc) response.forwardTrailers(this.#ownTrailers(localTrailers(cause)));
    else return false;
    return true;
  }

  #ownTrailers(list: HeaderList): HeaderList {
    const { plan } = this.#owner.subject;
    return plan.respondsTrailers ? (plan.respondTrailers(list)?.applyTo(list) ?? list) : list;
  }
}
