// How a finished call counts for those who look at many of them: whose fault it is if it has failed.

import { grpcStatusName } from '../grpc/status.ts';
import type { ExchangeRecord } from './exchange-record.ts';
import type { Failure } from './failure.ts';

/**
 * - ok: gRPC status OK, or an HTTP status below 400.
 * - cancelled: the client has given it up, which is how many streams end in good order.
 * - clientFault: its status blames the request, the request was refused because of a mistake of the client, or the route answers such
 *   calls with an error itself.
 * - failed: its status blames the service or what lies before it, or there is no complete answer.
 */
export const CALL_OUTCOMES = ['ok', 'cancelled', 'clientFault', 'failed'] as const;
export type CallOutcome = (typeof CALL_OUTCOMES)[number];

/** The statuses that are errors of the server, as OpenTelemetry has them for gRPC. */
export const SERVER_ERRORS: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** @param status the name of a gRPC status */
export function outcomeOfStatus(status: string): CallOutcome {
  if (status === 'OK') return 'ok';
  if (status === 'CANCELLED') return 'cancelled';
  return SERVER_ERRORS.has(status) ? 'failed' : 'clientFault';
}

/**
 * Whether a failure has a status that blames the service, although its client has caused it: a client of another protocol, or one that calls what
 * no route has, can be told so by no other status.
 */
export function isClientMistake({ source, grpcStatus }: Pick<Failure, 'source' | 'grpcStatus'>): boolean {
  return source === 'client' && SERVER_ERRORS.has(grpcStatusName(grpcStatus));
}

type Ended = Pick<ExchangeRecord, 'httpStatus' | 'endedBy' | 'reason' | 'isAnswer' | 'isClientMistake'>;

/**
 * What the configuration wants to be answered is no failure, nor is what a client has done wrong.
 * @param status the name of a gRPC status
 */
export function outcomeOfAnswer(status: string): CallOutcome {
  const outcome = outcomeOfStatus(status);
  return outcome === 'failed' ? 'clientFault' : outcome;
}

/** Of an exchange without a gRPC status. */
export function outcomeOfHttp({
  httpStatus,
  endedBy,
  reason,
  isAnswer,
  isClientMistake: isMistake,
}: Ended): CallOutcome {
  if (isMistake === true) return 'clientFault';
  if (isAnswer === true) return httpStatus >= 400 ? 'clientFault' : 'ok';
  if (httpStatus >= 500) return 'failed';
  if (httpStatus >= 400) return 'clientFault';
  // Nothing was answered, or the answer has broken off.
  if (httpStatus === 0 || reason !== '') return endedBy === 'downstream' ? 'cancelled' : 'failed';
  return 'ok';
}
