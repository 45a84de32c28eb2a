// What a client is told that its authorizer does not let pass, and what the log says in addition.

import { type Failure, failure } from '../../calls/failure.ts';
import { HARMFUL_CHARACTERS } from '../../config/visible-text.ts';
import { grpcStatusOfHttpStatus } from '../../grpc/http-status-mapping.ts';
import { maySetField } from '../../relay/header-edits.ts';
import type { FieldOption, Verdict } from './check-response.ts';

/** As much of the body of a denial as a message of gRPC holds. */
const MOST_MESSAGE_CHARACTERS = 1024;
const NOT_ALLOWED = 'The authorizer of this route does not allow this call.';

/** @param upstream the one that was asked */
export function denied(verdict: Extract<Verdict, { kind: 'denied' }>, upstream: string): Failure {
  const { httpStatus, fields, body } = verdict;
  const text = textOf(body);
  return {
    ...failure('authorization_denied', text === '' ? NOT_ALLOWED : text),
    httpStatus,
    grpcStatus: grpcStatusOfHttpStatus(httpStatus),
    onlyForLog: ` It was denied by upstream ${upstream} with HTTP ${httpStatus} (authorize of the route).`,
    fields: fieldsOf(fields),
    ...(body.length === 0 ? {} : { content: body }),
  };
}

/** @param why a sentence without its full stop */
export function unanswered(why: string): Failure {
  return {
    ...failure(
      'authorizer_unavailable',
      'Whether this call may pass cannot be found out now; call again later.',
    ),
    onlyForLog: ` Why: ${why} (authorize of the route).`,
  };
}

function textOf(body: Buffer): string {
  const beginning = body.toString('utf8', 0, 4 * MOST_MESSAGE_CHARACTERS).slice(0, MOST_MESSAGE_CHARACTERS);
  return beginning.trim().replaceAll(/\s+/g, ' ').replaceAll(HARMFUL_CHARACTERS, '?');
}

/** Fields that a client may not be sent are left out: they would not make the denial any weaker. */
function fieldsOf(options: readonly FieldOption[]): readonly (readonly [name: string, value: string])[] {
  const fields: (readonly [name: string, value: string])[] = [];
  for (const { name, value, action } of options) {
    if (!maySetField(name, value) || action === 'set-if-present') continue;
    const isThere = fields.some(([known]) => known === name);
    if (action === 'add-if-absent' && isThere) continue;
    if (action === 'set' && isThere)
      fields.splice(0, fields.length, ...fields.filter(([known]) => known !== name));
    fields.push([name, value]);
  }
  return fields;
}
