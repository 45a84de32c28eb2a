// Looks at one exchange while it runs: what it waits for, and what is known of its two sides. Nothing is computed before somebody looks.
// It changes nothing but the time at which a client of HTTP/1.1 is known to have taken bytes, which it brings up to date.

import type { CallStream } from '../calls/call-stream.ts';
import type { CallTrace } from '../calls/call-trace.ts';
import type { CallProtocol, CallState } from '../calls/live-exchange.ts';
import type { CallFacts, PacedFacts, PeerFacts } from '../calls/who-blocks.ts';
import type { StreamRoom } from '../h2/stream-room.ts';
import { msSince } from '../transport/turn-clock.ts';
import type { AttemptState, Attempts } from './attempts.ts';
import type { PacedTimes } from './paced-time.ts';
import type { RequestHead } from './request-head.ts';
import type { StreamRelay } from './stream-relay.ts';

export interface ExchangeParts {
  /** The client's stream. */
  readonly stream: CallStream;
  readonly attempts: Attempts;
  /** Whether policies of the route look at the call itself. */
  readonly isAsked: boolean;
}

/** An exchange, as far as it is looked at. */
export interface LookedAt {
  readonly subject: RequestHead;
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  readonly number: number;
  readonly requestId: string | number;
  /** Undefined if the call is not traced. */
  readonly trace?: Pick<CallTrace, 'traceId'> | undefined;
  readonly identity: string | undefined;
  /** By the clock of `turnNowMs`. */
  readonly startedAtMs: number;
  /** Whether the client was sent the head of a response. */
  readonly hasResponse: boolean;
  readonly isFinished: boolean;
  readonly parts: ExchangeParts;
  /** Undefined if no policy looked at the call. */
  readonly admission?: { readonly paced: PacedTimes | undefined } | undefined;
}

export interface LiveFacts extends CallFacts {
  readonly attempts: readonly AttemptState[];
}

/** @param nowMs by the clock of `turnNowMs` */
export function factsOf(exchange: LookedAt, nowMs: number): LiveFacts {
  const { subject, startedAtMs, parts } = exchange;
  const attempts = parts.attempts.states;
  const ageMs = Math.max(0, Math.floor(nowMs - startedAtMs));
  const state = stateOf(exchange, attempts);
  return {
    state,
    waits: state === 'waiting_for_endpoint' ? whyNoEndpoint(subject, attempts) : undefined,
    protocol: protocolOf(subject),
    attempts,
    ageMs,
    paced: pacedOf(exchange, nowMs),
    unansweredMs: unansweredMsOf(attempts),
    client: clientOf(exchange, ageMs, nowMs),
    service: serviceOf(exchange, attempts.at(0), nowMs),
  };
}

/** How long no endpoint that has the call has answered its keepalive. Undefined if one of them owes no answer. */
export function unansweredMsOf(attempts: readonly AttemptState[]): number | undefined {
  let last: number | undefined;
  for (const attempt of attempts) {
    if (attempt.stage !== 'sent') continue;
    if (attempt.unansweredMs === undefined) return undefined;
    last = Math.min(last ?? attempt.unansweredMs, attempt.unansweredMs);
  }
  return last;
}

function pacedOf({ request, response }: LookedAt, nowMs: number): PacedFacts | undefined {
  const ofRequest = heldBackOf('request', request, nowMs);
  const ofResponse = heldBackOf('response', response, nowMs);
  return (ofRequest?.heldMs ?? -1) >= (ofResponse?.heldMs ?? 0) ? ofRequest : ofResponse;
}

function heldBackOf(
  direction: PacedFacts['direction'],
  { pacing, pendingBytes, owedBytes }: StreamRelay,
  nowMs: number,
): PacedFacts | undefined {
  if (pacing === undefined) return undefined;
  const { limit, sinceStamp } = pacing;
  return { direction, limit, heldBytes: pendingBytes - owedBytes, heldMs: msSince(sinceStamp, nowMs) };
}

/** Whether a call that has finished still has something for its client. */
export function isLive({ isFinished, response, parts }: LookedAt): boolean {
  return !isFinished || waitingForClient(response.pendingBytes, parts.stream.room) > 0;
}

/** The time since the last bytes in either direction. */
export function silentMsOf(
  { request, response }: Pick<LookedAt, 'request' | 'response'>,
  nowMs: number,
): number {
  return Math.min(msSince(request.stamp, nowMs), msSince(response.stamp, nowMs));
}

function stateOf(
  { request, response, hasResponse, isFinished, parts }: LookedAt,
  attempts: readonly AttemptState[],
): CallState {
  if (isFinished || response.isComplete) return 'response_ended';
  if (hasResponse) return request.isComplete ? 'request_ended' : 'streaming';
  if (attempts.some(isSent)) return 'waiting_for_response';
  if (attempts.length === 0) return parts.isAsked ? 'waiting_for_policy' : 'waiting_for_turn';
  return attempts.some(({ stage }) => stage !== 'paused') ? 'waiting_for_endpoint' : 'waiting_for_retry';
}

function isSent(attempt: AttemptState): boolean {
  return attempt.stage === 'sent' && attempt.sentAtMs > 0;
}

function whyNoEndpoint({ decision }: RequestHead, attempts: readonly AttemptState[]): CallFacts['waits'] {
  for (const attempt of attempts)
    if (attempt.stage === 'sent')
      return { text: `a connection to ${attempt.endpoint} is being made`, by: 'service' };
  return decision.kind === 'forward' ? decision.upstream.whyWaiting : undefined;
}

function protocolOf({ kind, isGrpc, translation }: RequestHead): CallProtocol {
  if (kind.httpMethod === 'CONNECT') return 'websocket';
  if (!isGrpc) return 'http';
  return translation === undefined ? 'grpc' : 'grpc-web';
}

/** @param pendingBytes that wait in the relay */
function waitingForClient(pendingBytes: number, { heldBytes, unsentBytes, unsentMs }: StreamRoom): number {
  return pendingBytes + heldBytes + (unsentMs === undefined ? 0 : unsentBytes);
}

function clientOf({ request, response, parts }: LookedAt, ageMs: number, nowMs: number): PeerFacts {
  const { room } = parts.stream;
  const isMeasured = room.unsentMs !== undefined && room.unsentBytes > 0;
  return {
    silentMs: msSince(request.stamp, nowMs),
    presentMs: ageMs,
    bytes: request.bytes,
    hasEnded: request.isComplete,
    isInsideMessage: request.isInsideMessage,
    owedBytes: waitingForClient(response.owedBytes, room),
    stuckMs: isMeasured ? Math.floor(room.unsentMs) : msSince(response.stuckStamp, nowMs),
    waitMs: waitMsOf(response, nowMs),
    room,
  };
}

function serviceOf(
  { request, response, hasResponse }: LookedAt,
  attempt: AttemptState | undefined,
  nowMs: number,
): PeerFacts {
  const sent = attempt?.stage === 'sent' ? attempt : undefined;
  const presentMs =
    sent === undefined || sent.sentAtMs === 0 ? 0 : Math.max(0, Math.floor(nowMs - sent.sentAtMs));
  return {
    silentMs: hasResponse ? msSince(response.stamp, nowMs) : undefined,
    presentMs,
    bytes: response.bytes,
    hasEnded: response.isComplete,
    isInsideMessage: response.isInsideMessage,
    owedBytes: request.owedBytes,
    // Bytes may have waited for longer, for an endpoint: that is no time of this service.
    stuckMs: Math.min(msSince(request.stuckStamp, nowMs), presentMs),
    waitMs: Math.min(waitMsOf(request, nowMs), presentMs),
    room: sent?.stream.room,
  };
}

function waitMsOf({ oldestStamp }: StreamRelay, nowMs: number): number {
  return oldestStamp === undefined ? 0 : msSince(oldestStamp, nowMs);
}
