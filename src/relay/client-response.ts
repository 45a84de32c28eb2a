// The response of an exchange as its client gets it: head, data and end, of the service or of the proxy itself. The exchange decides what
// is passed on and when it is over.

import type { CallStream } from '../calls/call-stream.ts';
import { FAULT, type Failure } from '../calls/failure.ts';
import { type LocalResponse, localResponse, localTrailers } from '../calls/local-response.ts';
import type { HeaderEdits } from './header-edits.ts';
import type { ExchangeHome } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import { hasRoomForDate, withDate } from './response-date.ts';
import type { ResponseHead } from './response-head.ts';
import { whyNotPassedOn, whyTooLarge, whyTrailersNotPassedOn } from './response-rules.ts';
import type { StreamRelay } from './stream-relay.ts';

export class ClientResponse {
  readonly #stream: CallStream;
  readonly #subject: RequestHead;
  readonly #home: ExchangeHome;
  readonly #body: StreamRelay;
  /** The status that was sent to the client. 0 until a response has begun. */
  #httpStatus = 0;
  /** How policies have edited the head of the response. Its trailers must not restore the edited fields. */
  #edits: HeaderEdits | undefined = undefined;

  /** @param body passes on the data and the end of the response */
  constructor(stream: CallStream, subject: RequestHead, home: ExchangeHome, body: StreamRelay) {
    this.#stream = stream;
    this.#subject = subject;
    this.#home = home;
    this.#body = body;
  }

  /** Whether the client was sent the head of a final response. */
  get hasBegun(): boolean {
    return this.#httpStatus !== 0;
  }

  /** HTTP status that the client was sent, or 0 if none was sent. */
  get httpStatus(): number {
    return this.#stream.sentStatus ?? this.#httpStatus;
  }

  passInterim({ httpStatus, fields }: ResponseHead): void {
    if (this.#subject.takesInterim(httpStatus)) this.#stream.sendHeaders(fields, false);
  }

  /** @returns the head as the client is to get it, or why the client cannot get this response */
  fit(received: ResponseHead, endStream: boolean, endpoint: string): ResponseHead | Failure {
    const { plan } = this.#subject;
    const cause = whyNotPassedOn(received, endStream, this.#subject, endpoint);
    if (cause !== undefined) return cause;
    const head = plan.responds ? received.editedBy(plan) : received;
    if (head === undefined) return FAULT;
    return whyTooLarge(head, endpoint, this.#home) ?? head;
  }

  /** @param head what `fit` has returned */
  passHead(head: ResponseHead, endStream: boolean): void {
    this.#httpStatus = head.httpStatus;
    this.#edits = head.edits;
    if (endStream) this.#body.isEnded = true;
    const needsDate = head.lacksDate && !this.#subject.isGrpc && hasRoomForDate(head.fields, this.#home);
    this.#stream.sendHeaders(needsDate ? head.datedFields : head.fields, endStream);
  }

  /** @returns why the client cannot get this trailer section, or undefined */
  whyTrailersUnfit(trailers: ResponseHead, endpoint: string): Failure | undefined {
    return (
      whyTrailersNotPassedOn(trailers, this.#subject.isGrpc, endpoint) ??
      whyTooLarge(trailers, endpoint, this.#home)
    );
  }

  passTrailers({ fields }: ResponseHead): void {
    this.#body.forwardTrailers(this.#edits?.applyToTrailers(fields) ?? fields);
  }

  /** Answers in place of the service. */
  respond({ httpStatus, fields, body }: LocalResponse): void {
    const { isGrpc, plan } = this.#subject;
    this.#httpStatus = httpStatus;
    const edited = plan.responds ? (plan.respond(fields)?.applyTo(fields) ?? fields) : fields;
    this.#stream.sendHeaders(isGrpc ? edited : withDate(edited), body === undefined);
    if (body === undefined) this.#body.isEnded = true;
    else this.#body.forward(body, 0, body.length, true);
  }

  /** Ends the response with a status of the proxy. @returns false if the response cannot carry one any more */
  endWith(cause: Failure): boolean {
    if (!this.hasBegun) this.respond(localResponse(cause, this.#subject));
    else if (this.#subject.isGrpc) this.#body.forwardTrailers(localTrailers(cause));
    else return false;
    return true;
  }
}
