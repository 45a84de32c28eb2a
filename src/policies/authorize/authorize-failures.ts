// What a client is told that its authorizer does not let pass, and what the log says in addition.

import { type Failure, failure } from '../../calls/failure.ts';
import { grpcStatusOfHttpStatus } from '../../grpc/http-status-mapping.ts';
import { lineOf, refusalFields, stopAfter } from '../answered-fields.ts';
import type { Verdict } from './check-response.ts';

export const AUTHORIZER_UNAVAILABLE = 'authorizer_unavailable';
const NOT_ALLOWED = 'The authorizer of this route does not allow this call.';

/** @param upstream the one that was asked */
export function denied(verdict: Extract<Verdict, { kind: 'denied' }>, upstream: string): Failure {
  const { httpStatus, fields, body } = verdict;
  const text = lineOf(body);
  return {
    ...failure('authorization_denied', text === '' ? NOT_ALLOWED : text),
    httpStatus,
    grpcStatus: grpcStatusOfHttpStatus(httpStatus),
    onlyForLog: `${stopAfter(text)} It was denied by upstream ${upstream} with HTTP ${httpStatus} (authorize of the route).`,
    fields: refusalFields(fields),
    ...(text === '' ? {} : { isServiceText: true }),
    ...(body.length === 0 ? {} : { content: body }),
  };
}

/** @param why a sentence without its full stop */
export function unanswered(why: string): Failure {
  return {
    ...failure(
      AUTHORIZER_UNAVAILABLE,
      'Whether this call may pass cannot be found out now; call again later.',
    ),
    onlyForLog: ` Why: ${why} (authorize of the route).`,
  };
}
