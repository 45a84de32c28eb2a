// Makes the record of a finished exchange, which observers get.

import type { CallTrace } from '../calls/call-trace.ts';
import type { ExchangeRecord } from '../calls/exchange-record.ts';
import { notedByKind } from '../calls/injected-fault.ts';
import { epochMsOf } from '../transport/turn-clock.ts';
import type { Admission } from './admission.ts';
import type { Attempts } from './attempts.ts';
import type { ClientResponse } from './client-response.ts';
import type { Outcome } from './outcome.ts';
import type { RequestHead } from './request-head.ts';
import type { StreamRelay } from './stream-relay.ts';

/** The parts of an exchange that its record is made of. */
export interface Recorded {
  readonly subject: RequestHead;
  readonly number: number;
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  readonly durationMs: number;
  readonly requestId: string | number;
  readonly identity: string | undefined;
  /** Undefined if no policy looked at the call. */
  readonly admission: Admission | undefined;
  readonly trace: CallTrace | undefined;
}

export function recordOf(
  { subject, number, request, response, durationMs, requestId, identity, admission, trace }: Recorded,
  attempts: Attempts,
  outcome: Outcome,
  startedAtMs: number,
  { httpStatus, firstMessageMs }: Pick<ClientResponse, 'httpStatus' | 'firstMessageMs'>,
): ExchangeRecord {
  const endedAtMs = startedAtMs + durationMs;
  const { faults, dryRuns } = notedByKind(admission?.faults);
  return {
    subject,
    number,
    endpoint: attempts.endpoint,
    grpcStatus: outcome.grpcStatus,
    httpStatus,
    startedAtEpochMs: epochMsOf(startedAtMs),
    durationMs,
    deadlineMs: subject.peerTimeoutMs,
    firstMessageMs,
    requestBytes: request.bytes,
    responseBytes: response.bytes,
    requestMessages: request.messages,
    responseMessages: response.messages,
    requestPacedMs: admission?.paced?.request?.msAt(endedAtMs),
    responsePacedMs: admission?.paced?.response?.msAt(endedAtMs),
    attempts: attempts.count,
    endpoints: attempts.endpoints,
    endedBy: outcome.endedBy,
    blockedBy: outcome.blockedBy,
    reason: outcome.reason,
    isAnswer: outcome.isAnswer,
    // A service that had the call may be to blame as well.
    isClientMistake: outcome.isClientMistake && attempts.count === 0,
    requestId,
    identity,
    faults,
    dryRuns,
    trace,
  };
}
