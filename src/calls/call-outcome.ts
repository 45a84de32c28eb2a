// How a finished call counts for those who look at many of them: whose fault it is if it has failed.

import type { ExchangeRecord } from './exchange-record.ts';

/**
 * - ok: gRPC status OK, or an HTTP status below 400.
 * - cancelled: the client has given it up, which is how many streams end in good order.
 * - clientFault: its status blames the request, or the route answers such calls with an error itself.
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

type Ended = Pick<ExchangeRecord, 'httpStatus' | 'endedBy' | 'reason' | 'isAnswer'>;

/** What the configuration wants to be answered is no failure. @param status the name of a gRPC status */
export function outcomeOfAnswer(status: string): CallOutcome {
  const outcome = outcomeOfStatus(status);
  return outcome === 'failed' ? 'clientFault' : outcome;
}

/** Of an exchange without a gRPC status. */
export function outcomeOfHttp({ httpStatus, endedBy, reason, isAnswer }: Ended): CallOutcome {
  if (isAnswer === true) return httpStatus >= 400 ? 'clientFault' : 'ok';
  if (httpStatus >= 500) return 'failed';
  if (httpStatus >= 400) return 'clientFault';
  // Nothing was answered, or the answer has broken off.
  if (httpStatus === 0 || reason !== '') return endedBy === 'downstream' ? 'cancelled' : 'failed';
  return 'ok';
}
