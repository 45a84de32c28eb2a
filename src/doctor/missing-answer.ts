// Why a call has no answer although its peer speaks HTTP/2 well: nothing has come in time, or the peer has broken the call off. That is
// said alike of an endpoint and of a target.

import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { byDiagnosis } from './endpoint-protocol.ts';
import { type Finding, failed, unexamined } from './finding.ts';
import type { CallAnswer, CallResponse } from './grpc-call.ts';
import { PEER_NOT_VERIFIED } from './secret-fields.ts';

/** The token of a call that was reset. It has no page, as a proxy passes the reset of a service on. */
export const CALL_RESET = 'call_reset';

/** Whether a response of gRPC has begun, whose status has not come. A proxy that answers in place of a service ends its response at once. */
export function hasBegun({ httpStatus, grpcStatus, contentType }: CallResponse): boolean {
  return grpcStatus === '' && httpStatus === 200 && /^application\/grpc(?:$|[;+])/i.test(contentType);
}

/**
 * @param said what became of the call, as a sentence
 * @param peer the address that was called
 * @returns undefined if a response of any kind has ended
 */
export function explainMissingAnswer(answer: CallAnswer, said: string, peer: string): Finding | undefined {
  const { failure, broken, httpStatus, grpcStatus } = answer;
  if (grpcStatus !== '' || (httpStatus !== 0 && !hasBegun(answer))) return undefined;
  if (failure === PEER_NOT_VERIFIED) return unexamined(said);
  if (failure !== undefined) return byDiagnosis(diagnoseConnectFailure(failure, peer));
  if (broken === '') return failed(said, 'does the service still respond?', 'upstream_silent');
  if (broken.startsWith('RST_STREAM'))
    return failed(
      said,
      'the log of the service, or of a proxy in front of it, says why it reset the call',
      CALL_RESET,
    );
  return failed(
    said,
    'does the service crash or restart? Its log, or that of a proxy in front of it, says why it ended the connection',
    'upstream_connection_lost',
  );
}
