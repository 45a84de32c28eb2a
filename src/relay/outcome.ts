// How an exchange ended. The first decision counts; a later one changes the record only by overrule().

import { isClientMistake } from '../calls/call-outcome.ts';
import type { EndedBy } from '../calls/exchange-record.ts';
import { type Failure, reasonOf } from '../calls/failure.ts';
import type { Blocked, Blocker } from '../calls/live-exchange.ts';
import { grpcStatusName } from '../grpc/status.ts';

export class Outcome {
  readonly #isGrpc: boolean;
  endedBy: EndedBy = 'upstream';
  grpcStatus = '';
  reason = '';
  /** Who blocked the call when it was given up. Undefined if nobody did. */
  blockedBy: Blocker | undefined = undefined;
  /** Whether the call was answered here, as its route wants it, instead of being forwarded. */
  isAnswer = false;
  /** Whether the proxy refused the call because of a mistake of its client, with a status that would blame the service. */
  isClientMistake = false;
  /** Who blocks the call that is about to be given up. */
  #blocked: Blocked | undefined = undefined;
  #isDecided = false;

  /** @param isGrpc whether the exchange can have a gRPC status */
  constructor(isGrpc: boolean) {
    this.#isGrpc = isGrpc;
  }

  /** The next decision is that the call is given up: the record says who blocked it. @param blocked undefined if there is nothing to say */
  givingUp(blocked: Blocked | undefined): void {
    this.#blocked = blocked;
  }

  /** Ignored after the first decision. @param reason one sentence, '' for an ordinary end */
  decide(endedBy: EndedBy, grpcStatus: string, reason: string): void {
    if (!this.#isDecided) this.overrule(endedBy, grpcStatus, reason);
  }

  /** The proxy answers the call as its route wants it. @param reason a token, a colon and a sentence */
  decideAnswer(grpcStatus: string, reason: string): void {
    if (this.#isDecided) return;
    this.overrule('framegate', grpcStatus, reason);
    this.isAnswer = true;
  }

  /**
   * The proxy refuses a client that speaks another protocol than its route.
   * @param grpcStatus '' if it is told nothing
   * @param reason a token, a colon and a sentence
   */
  decideMismatch(grpcStatus: string, reason: string): void {
    if (this.#isDecided) return;
    this.overrule('framegate', grpcStatus, reason);
    this.isClientMistake = true;
  }

  /** The proxy ends the exchange. @param note what else the record says about it, or '' */
  decideFailure(cause: Failure, note: string): void {
    if (this.#isDecided) return;
    this.overrule('framegate', grpcStatusName(cause.grpcStatus), withNote(reasonOf(cause), note));
    this.isClientMistake = isClientMistake(cause);
  }

  /** @param violation the rule of HTTP/2 that the client broke */
  decideViolation(violation: string): void {
    this.decide('framegate', 'INTERNAL', `${violation}: The client broke a rule of HTTP/2 on this stream.`);
  }

  overruleByFailure(cause: Failure): void {
    this.overrule('framegate', grpcStatusName(cause.grpcStatus), reasonOf(cause));
  }

  /** Replaces an earlier decision, which can no longer reach the client. */
  overrule(endedBy: EndedBy, grpcStatus: string, reason: string): void {
    this.#isDecided = true;
    this.isAnswer = false;
    this.isClientMistake = false;
    this.endedBy = endedBy;
    this.grpcStatus = this.#isGrpc ? grpcStatus : '';
    this.reason = withNote(reason, this.#blocked?.sentence ?? '');
    const { by = 'nobody' } = this.#blocked ?? {};
    this.blockedBy = by === 'nobody' ? undefined : by;
  }
}

/** @param reason a sentence, or ''. @param note what else the record says about the end, or '' */
export function withNote(reason: string, note: string): string {
  return note === '' || reason === '' ? reason + note : `${reason} ${note}`;
}
