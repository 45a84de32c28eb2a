// How an exchange ends whose attempt was reset by its endpoint, where no other attempt takes its place: the client gets a reset as well.

import { type AttemptEnd, failedWith, REFUSED, UNPROCESSED } from '../calls/retry-policy.ts';
import { grpcStatusOfReset } from '../grpc/reset-mapping.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';

export interface PassedReset {
  /** Whether another attempt may take its place. */
  readonly end: AttemptEnd;
  /** What the client's stream is reset with. gRPC clients map it to a status. */
  readonly code: number;
  readonly status: string;
  readonly reason: string;
}

export function passedReset(endpoint: string, code: number): PassedReset {
  const status = grpcStatusName(grpcStatusOfReset(code));
  return {
    end: code === ErrorCode.REFUSED_STREAM ? REFUSED : failedWith(status),
    // NO_ERROR would look like a normal end.
    code: code === ErrorCode.NO_ERROR ? ErrorCode.INTERNAL_ERROR : code,
    status,
    reason: `${endpoint} reset the call (${errorCodeName(code)}).`,
  };
}

/** REFUSED_STREAM tells the client that no service has processed the request, so that the client may repeat it. */
export function unprocessed(endpoint: string): PassedReset {
  return {
    end: UNPROCESSED,
    code: ErrorCode.REFUSED_STREAM,
    status: 'UNAVAILABLE',
    reason: `${endpoint} is going away and did not process the call.`,
  };
}
