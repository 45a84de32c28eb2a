// Calls that their client, their service or their deadline gives up: whether the deadline is why, and who has blocked the call until then.

import { deadlineExceeded } from '../calls/failure.ts';
import { limitText } from '../calls/limit-text.ts';
import type { Blocked } from '../calls/live-exchange.ts';
import { isServiceAlone, type Patience, SILENT_MS, USUAL_PATIENCE, whoBlocks } from '../calls/who-blocks.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { hasPassed } from './deadline.ts';
import { factsOf, type LookedAt, unansweredMsOf } from './live-facts.ts';
import { type Outcome, withNote } from './outcome.ts';

/** A call that is about to end. */
export interface EndingCall extends LookedAt {
  readonly durationMs: number;
}

/** How the service ends a call whose deadline has passed. Some services only cancel it. */
const ENDS_AT_DEADLINE: ReadonlySet<string> = new Set(['DEADLINE_EXCEEDED', 'CANCELLED']);
/** A side that was silent for this part of a deadline has let it pass, although that is less than SILENT_MS. */
const SILENT_PART = 0.1;

/** How a client ends a call. */
export interface Leaving {
  /** A sentence. */
  readonly reason: string;
  /** Of its reset. Undefined if its connection is gone. */
  readonly code: number | undefined;
}

/** The client ends the call: at its deadline, or it cancels the call. */
export function leftByClient(call: EndingCall, outcome: Outcome, { reason, code }: Leaving): void {
  const { peerTimeoutMs } = call.subject;
  // At their deadline, clients reset a call with CANCEL, as over HTTP/2 nothing else says that they do not want the response any more.
  const mayBeDeadline = code === ErrorCode.CANCEL || code === undefined;
  if (!mayBeDeadline || !hasPassed(peerTimeoutMs, call.durationMs)) {
    outcome.givingUp(blockedUntilNow(call, undefined));
    outcome.decide('downstream', 'CANCELLED', reason);
    return;
  }
  outcome.givingUp(blockedUntilNow(call, peerTimeoutMs));
  const atDeadline = `The client gave the call up at its deadline of ${limitText(peerTimeoutMs)}.`;
  outcome.decide('downstream', 'DEADLINE_EXCEEDED', withNote(atDeadline, code === undefined ? reason : ''));
}

/**
 * The service ends the call otherwise than with OK, in trailers or by a reset. Nothing of that end may be noted in the call yet: the service
 * was silent until now.
 * @param end its `reason` is a sentence, or ''
 * @param ofAttempts what the record says about the attempts, or ''
 */
export function endedByService(
  call: EndingCall,
  outcome: Outcome,
  { grpcStatus, reason }: { readonly grpcStatus: string; readonly reason: string },
  ofAttempts: string,
): void {
  const note = withNote(noteOfDeadline(call, outcome, grpcStatus), ofAttempts);
  outcome.decide('upstream', grpcStatus, withNote(reason, note));
}

/** The deadline of the call has passed here, and the proxy is about to end it. */
export function endedByDeadline(call: EndingCall, outcome: Outcome): void {
  outcome.givingUp(blockedUntilNow(call, call.subject.timeoutMs));
}

function noteOfDeadline(call: EndingCall, outcome: Outcome, grpcStatus: string): string {
  const { timeoutMs, timeoutKey } = call.subject;
  if (!ENDS_AT_DEADLINE.has(grpcStatus) || !hasPassed(timeoutMs, call.durationMs)) return '';
  outcome.givingUp(blockedUntilNow(call, timeoutMs));
  return deadlineExceeded(timeoutMs, timeoutKey).message;
}

/**
 * @param passedMs the deadline that has passed. Undefined if none has: then nobody blocks a young call that an endpoint has, unless that
 * owes an answer to the keepalive
 * @returns undefined if nobody blocks the call, and there is nothing to be said about that
 */
function blockedUntilNow(call: EndingCall, passedMs: number | undefined): Blocked | undefined {
  const patience = patienceAt(passedMs);
  const { isUnderWay, states } = call.parts.attempts;
  if (call.durationMs < patience.silentMs && isUnderWay && unansweredMsOf(states) === undefined)
    return undefined;
  const facts = factsOf(call, turnNowMs());
  const blocked = whoBlocks(facts, patience);
  return blocked.by === 'nobody' && !isServiceAlone(facts, patience) ? undefined : blocked;
}

function patienceAt(passedMs: number | undefined): Patience {
  if (passedMs === undefined) return USUAL_PATIENCE;
  const silentMs = Math.min(SILENT_MS, passedMs * SILENT_PART);
  // The client has waited as long as it would, so it was the turn of the service, however much the client had to say.
  return { silentMs, answerMs: silentMs };
}
