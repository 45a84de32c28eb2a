// When is a request sent again? Only AttemptSeries sends a request twice. What no endpoint has processed is repeated on every route;
// anything else only by the retry policy of the route.

/** How an attempt ended before the client was sent any part of its response. */
export interface AttemptEnd {
  readonly kind: AttemptEndKind;
  /** The name of the gRPC status that the client gets unless there is another attempt. '' if there is none. */
  readonly grpcStatus: string;
  /** The value of grpc-retry-pushback-ms in the response, by which a service says when it wants another attempt. */
  readonly pushback?: string | undefined;
}

/**
 * - unprocessed: the request has not left, or the endpoint's GOAWAY says that it was not looked at.
 * - refused: the endpoint took the request and reset it by REFUSED_STREAM.
 * - unanswered: the endpoint closed a reused HTTP/1.1 connection instead of responding.
 * - unreachable: no connection to the endpoint could be made.
 * - answered: by a response. The client would get it.
 * - failed: in any other way, so that the endpoint may have processed the request.
 */
export type AttemptEndKind = 'unprocessed' | 'refused' | 'unanswered' | 'unreachable' | 'answered' | 'failed';

export const UNPROCESSED: AttemptEnd = { kind: 'unprocessed', grpcStatus: 'UNAVAILABLE' };
export const REFUSED: AttemptEnd = { kind: 'refused', grpcStatus: 'UNAVAILABLE' };
export const UNANSWERED: AttemptEnd = { kind: 'unanswered', grpcStatus: 'UNAVAILABLE' };
export const UNREACHABLE: AttemptEnd = { kind: 'unreachable', grpcStatus: 'UNAVAILABLE' };

/** @param grpcStatus the name of the status that the client would get */
export function failedWith(grpcStatus: string): AttemptEnd {
  return { kind: 'failed', grpcStatus };
}

/** The policy for the gRPC calls of a route. What no endpoint has processed is repeated without it. */
export interface RetryPolicy {
  /** How much of a request is kept so that it can be sent again. Undefined means as much as without a policy. */
  readonly replayBytes?: number | undefined;
  /** How long an attempt may be without a response. Undefined means forever. */
  readonly perTryMs?: number | undefined;
  /**
   * How long the head of a response is held back, in case the response is only a status that is to be retried. 0 or undefined means not
   * at all.
   */
  readonly holdMs?: number | undefined;
  /** How many further attempts a call may have at most. Undefined means that the verdict alone decides. */
  readonly mostRetries?: number | undefined;
  /** If set, unary calls have several attempts at a time, and the verdict is not asked. */
  readonly hedge?: HedgePolicy | undefined;
  /**
   * @param end how the last attempt ended
   * @param retries how many attempts this policy has granted to the request so far
   * @returns the time to wait before the next attempt, in milliseconds, or -1 if there is to be none
   */
  verdict(end: AttemptEnd, retries: number): number;
}

/** When a unary call has further attempts while the first one runs (gRPC proposal A6, "Hedging Policy"). */
export interface HedgePolicy {
  /** The maximum number of attempts, including the first. */
  readonly attempts: number;
  /** The time from one attempt to the next. 0 means that all begin at once. */
  readonly delayMs: number;
  /** Whether the call ends with this status, whatever other attempts may say. Must not throw. */
  isFatal(grpcStatus: string): boolean;
}

/**
 * gRPC proposal A6 repeats a request that has not left until its deadline. An endpoint that closes each connection with the first request
 * on it could keep a call busy for ever, so there is a bound. Of calls that meet GOAWAYs by chance, each attempt leaves one in a
 * hundred or fewer.
 */
const MOST_UNPROCESSED = 10;
/** A6: once at once, since another one would meet the same overload. */
const MOST_REFUSED = 1;

/**
 * Whether a request is sent again at once, whatever its route says, since no endpoint has processed it (gRPC proposal A6, "Transparent
 * Retries"). If an endpoint cannot be reached, the next one is tried; AttemptSeries limits how many.
 * @param repeats how often the request was sent again for this reason
 */
export function isRepeated({ kind }: AttemptEnd, repeats: number): boolean {
  if (kind === 'unreachable') return true;
  if (kind === 'unprocessed') return repeats < MOST_UNPROCESSED;
  return (kind === 'refused' || kind === 'unanswered') && repeats < MOST_REFUSED;
}
